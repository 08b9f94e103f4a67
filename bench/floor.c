/*
 * The floor of goal P3: the system calls of one observation, and nothing else.
 *
 *   floor FILES INTERFACE...
 *
 * FILES has a line for each thing that the probes ask of the file tree: "r PATH" (read),
 * "l PATH" (readlink), "d PATH" (listdir), and "k PATH" for the kernel log.  For each INTERFACE
 * it makes the calls of accelnet_probes.ethtool.read_interface, in the same order, and it dumps
 * the addresses once.  Prints the seconds that this took; reading FILES is not part of it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_STATISTICS 65536
#define MAX_ADDRESS 32

static char *buffer;
static char block[1 << 18];
static int control;
static unsigned long long bytes_read, entries_read;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec + at.tv_nsec / 1e9;
}

static void read_file(const char *path, int is_log)
{
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return; /* asked and absent: as it is for the probes */
	do {
		size = read(fd, block, is_log ? 8192 : 4096);
		if (size > 0)
			bytes_read += size;
	} while (is_log ? size > 0 || (size < 0 && errno == EPIPE) : size >= 4096);
	close(fd);
}

static void ask_file(char kind, const char *path)
{
	DIR *folder;

	if (kind == 'l') {
		if (readlink(path, block, sizeof block) > 0)
			bytes_read++;
	} else if (kind == 'd') {
		folder = opendir(path);
		while (folder && readdir(folder))
			entries_read++;
		if (folder)
			closedir(folder);
	} else {
		read_file(path, kind == 'k');
	}
}

static int ask(const char *interface)
{
	struct ifreq request = { .ifr_data = buffer };

	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	return ioctl(control, SIOCETHTOOL, &request);
}

static int ask_plain(const char *interface, uint32_t command, size_t size)
{
	memset(buffer, 0, size);
	memcpy(buffer, &command, sizeof command);
	return ask(interface);
}

static void identity(const char *interface)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	if (ioctl(control, SIOCGIFINDEX, &request))
		fail("SIOCGIFINDEX");
	if (ask_plain(interface, ETHTOOL_GDRVINFO, sizeof(struct ethtool_drvinfo)))
		fail("ETHTOOL_GDRVINFO");
}

static void statistics(const char *interface)
{
	struct ethtool_sset_info *info = (void *)buffer;
	struct ethtool_gstrings *strings = (void *)buffer;
	struct ethtool_stats *stats = (void *)buffer;
	uint32_t count;

	identity(interface);
	memset(info, 0, sizeof *info + 4);
	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << ETH_SS_STATS;
	if (ask(interface) || !info->sset_mask)
		fail("ETHTOOL_GSSET_INFO");
	count = info->data[0];
	*strings = (struct ethtool_gstrings){ ETHTOOL_GSTRINGS, ETH_SS_STATS, count };
	if (ask(interface) || strings->len != count)
		fail("ETHTOOL_GSTRINGS");
	*stats = (struct ethtool_stats){ ETHTOOL_GSTATS, count };
	if (ask(interface) || stats->n_stats != count)
		fail("ETHTOOL_GSTATS");
	identity(interface);
	entries_read += count;
}

static void read_interface(const char *interface)
{
	struct ethtool_perm_addr *address = (void *)buffer;

	/* Each of these may be refused: EOPNOTSUPP is an answer. */
	ask_plain(interface, ETHTOOL_GDRVINFO, sizeof(struct ethtool_drvinfo));
	ask_plain(interface, ETHTOOL_GCHANNELS, sizeof(struct ethtool_channels));
	ask_plain(interface, ETHTOOL_GRINGPARAM, sizeof(struct ethtool_ringparam));
	*address = (struct ethtool_perm_addr){ ETHTOOL_GPERMADDR, MAX_ADDRESS };
	ask(interface);
	statistics(interface);
}

static void dump_addresses(void)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg body;
	} request = {
		.header = { sizeof request, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int done = 0;

	if (fd < 0 || send(fd, &request, sizeof request, 0) < 0)
		fail("RTM_GETADDR");
	while (!done) {
		int left = recv(fd, block, sizeof block, 0);
		struct nlmsghdr *message = (void *)block;

		if (left < 0)
			fail("RTM_GETADDR");
		for (; NLMSG_OK(message, (unsigned)left); message = NLMSG_NEXT(message, left))
			done |= message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
	}
	close(fd);
}

int main(int count, char **arguments)
{
	size_t room = 0, lines = 0, at;
	char **asked = NULL, *line = NULL;
	double started;
	FILE *list;
	int number;

	if (count < 2 || !(list = fopen(arguments[1], "r")))
		fail("FILES");
	while (getline(&line, &room, list) > 0) {
		line[strcspn(line, "\n")] = 0;
		asked = realloc(asked, (lines + 1) * sizeof *asked);
		asked[lines++] = strdup(line);
	}
	started = now();
	for (at = 0; at < lines; at++)
		ask_file(asked[at][0], asked[at] + 2);
	buffer = mmap(NULL, 4096 + MAX_STATISTICS * ETH_GSTRING_LEN, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (buffer == MAP_FAILED || control < 0)
		fail("socket");
	dump_addresses();
	for (number = 2; number < count; number++)
		read_interface(arguments[number]);
	printf("%.9f\n", now() - started);
	return entries_read == 0 && bytes_read == 0;
}
