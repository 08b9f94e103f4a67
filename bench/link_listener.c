/*
 * The floor of goal P8: hears of links, and says when.
 *
 *   link_listener INTERFACE_INDEX
 *
 * Prints a line for each RTM_NEWLINK of that interface: CLOCK_MONOTONIC in seconds, taken when
 * recv() returned, and ifi_flags in hex.  Prints "listening" first.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static char buffer[1 << 16];

int main(int argc, char **argv)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int wanted = argc > 1 ? atoi(argv[1]) : 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("link_listener");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("listening");
	for (;;) {
		ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
		struct timespec at;
		struct nlmsghdr *head = (struct nlmsghdr *)buffer;

		clock_gettime(CLOCK_MONOTONIC, &at);
		if (size <= 0)
			continue; /* ENOBUFS: what was lost is not waited for */
		for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
			struct ifinfomsg *link = NLMSG_DATA(head);

			if (head->nlmsg_type == RTM_NEWLINK && link->ifi_index == wanted)
				printf("%lld.%09ld %x\n", (long long)at.tv_sec, at.tv_nsec,
				       link->ifi_flags);
		}
	}
}
