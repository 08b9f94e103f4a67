# fish completion for accelnet-check: written by scripts/man from its options

set -l checks "kernel-minimum kernel-known-issue os-supported vm-size vmbus-passthrough
    vf-driver next-host-drivers vf-expected vf-paired vf-up vf-datapath vf-unaddressed
    vf-unmanaged vf-name vf-mtu nic-queues vf-drops synthetic-errors imds-nics vf-flapping
    vf-missing hardware-moved probes-answered"

complete -c accelnet-check -f
complete -c accelnet-check -l root -x -a '(__fish_complete_directories)' -d 'judge the file tree of an unbooted image'
complete -c accelnet-check -l bundle -r -F -d 'judge a recorded bundle'
complete -c accelnet-check -l record -r -F -d 'also write a bundle of this machine'
complete -c accelnet-check -l redact -d 'mask MACs, IPs, host name, subscription and VM ids in the bundle'
complete -c accelnet-check -l format -x -a 'text json junit tap nagios prometheus' -d 'text (the default), json, junit, tap, nagios or prometheus'
complete -c accelnet-check -l output -r -F -d 'write the report there, atomically'
complete -c accelnet-check -l expect -x -a 'on off auto' -d 'whether accelerated networking should be on (default: auto: the VM\'s tag accelnet-expect says it, if any)'
complete -c accelnet-check -l interface -x -a '(__fish_print_interfaces)' -d 'only this NIC (repeatable)'
complete -c accelnet-check -l only -x -a "$checks" -d 'only this check (repeatable)'
complete -c accelnet-check -l skip -x -a "$checks" -d 'not this check (repeatable)'
complete -c accelnet-check -l wait -x -d 'observe again until the verdict is pass or the time is up'
complete -c accelnet-check -l window -x -d 'time between two samples of the counters (default: 1; 0: one sample)'
complete -c accelnet-check -l active-proof -d 'send a few packets by each NIC; the VF\'s transmit counter must grow by them'
complete -c accelnet-check -l imds-endpoint -x -a 'off' -d 'instance metadata (default: the link-local address, only on Azure)'
complete -c accelnet-check -l known-issues -r -F -d 'more entries for the catalogue of known issues (JSON)'
complete -c accelnet-check -l summarize -d 'merge the reports of a fleet: files, folders, recordings, or - for standard input'
complete -c accelnet-check -l files0-from -r -F -d 'with --summarize: read names of reports, each ended by NUL, from FILE (or -)'
complete -c accelnet-check -l by -x -a 'check size kernel driver family distro image datapath version vm' -d 'with --summarize: group VMs by check, size, kernel, driver, family, distro, image, datapath, version or vm (repeatable)'
complete -c accelnet-check -l stale-after -x -d 'with --summarize: a VM whose report is older than the newest by more is a warning (default: 7)'
complete -c accelnet-check -l list-checks -d 'list the checks'
complete -c accelnet-check -l explain -x -a "$checks" -d 'print the runbook of a check'
complete -c accelnet-check -l version -d 'print the version'
complete -c accelnet-check -s h -l help -d 'print this help'
complete -c accelnet-check -n '__fish_contains_opt summarize' -F
