"""What is: observes the machine, judges nothing."""
