/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define TUN "/dev/net/tun"
#define TX_QUEUE 256 /* frames in each of its queues, and then the kernel drops */
#define CHECKS 20u /* of its address */
#define CHECK_MS 500u

static const unsigned char address[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

bool tap_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len < IFNAMSIZ && strcmp(name, ".") && strcmp(name, "..") &&
	       !strpbrk(name, "/: \t\n%");
}

static int open_queue(const char *name)
{
	int fd = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC), r;
	struct ifreq ifr;

	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (!ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* One request about an interface; `ifr` has its argument. */
static int ask(const char *name, unsigned long request, struct ifreq *ifr)
{
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (s < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	r = ioctl(s, request, ifr) ? -errno : 0;
	close(s);
	return r;
}

static int change_flags(const char *name, short set, short clear)
{
	struct ifreq ifr;
	int r;

	memset(&ifr, 0, sizeof(ifr));
	r = ask(name, SIOCGIFFLAGS, &ifr);
	if (r)
		return r;
	ifr.ifr_flags = (short)((ifr.ifr_flags | set) & ~clear);
	return ask(name, SIOCSIFFLAGS, &ifr);
}

/* It is a port, and no host of its own: as Xen's scripts have it. */
static void no_ipv6(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* there is no IPv6 here */
	if (write(fd, "1", 1) != 1)
		errno = 0;
	close(fd);
}

static int set_address(const struct tap *t)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, address, sizeof(address));
	return ask(t->name, SIOCSIFHWADDR, &ifr);
}

void tap_check(struct tap *t)
{
	struct ifreq ifr;

	if (t->fd < 0 || t->checks == CHECKS || now_ms() < t->check_at)
		return;
	t->checks++;
	t->check_at = now_ms() + CHECK_MS;
	memset(&ifr, 0, sizeof(ifr));
	if (!ask(t->name, SIOCGIFHWADDR, &ifr) &&
	    memcmp(ifr.ifr_hwaddr.sa_data, address, sizeof(address)) != 0)
		set_address(t);
}

static int set_up(struct tap *t, unsigned int mtu)
{
	struct ifreq ifr;
	int r;

	no_ipv6(t->name);
	r = set_address(t);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_qlen = TX_QUEUE;
	if (!r)
		r = ask(t->name, SIOCSIFTXQLEN, &ifr);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_mtu = (int)mtu;
	if (!r && mtu)
		r = ask(t->name, SIOCSIFMTU, &ifr);
	if (!r)
		r = change_flags(t->name, IFF_NOARP, IFF_MULTICAST | IFF_UP);
	return r;
}

static int into_bridge(struct tap *t, const char *bridge)
{
	struct ifreq ifr;
	int r;

	memset(&ifr, 0, sizeof(ifr));
	r = ask(t->name, SIOCGIFINDEX, &ifr);
	if (r)
		return r;
	return ask(bridge, SIOCBRADDIF, &ifr);
}

int tap_open(struct tap *t, const char *name, const char *bridge, unsigned int mtu)
{
	int r;

	t->fd = -1;
	if (if_nametoindex(name)) /* it would be another's, and we one queue more of it */
		return -EEXIST;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->checks = 0;
	t->check_at = now_ms() + CHECK_MS;
	t->fd = open_queue(name);
	if (t->fd < 0)
		return t->fd;
	r = set_up(t, mtu);
	if (!r)
		r = into_bridge(t, bridge);
	if (r)
		tap_close(t);
	return r;
}

void tap_close(struct tap *t)
{
	if (t->fd >= 0)
		close(t->fd); /* the last of its queues: it goes */
	t->fd = -1;
}

int tap_queue(const struct tap *t)
{
	return open_queue(t->name);
}

int tap_offload(const struct tap *t, bool csum, bool tso4, bool tso6)
{
	unsigned long what = csum ? TUN_F_CSUM | (tso4 ? TUN_F_TSO4 | TUN_F_TSO_ECN : 0) |
					     (tso6 ? TUN_F_TSO6 | TUN_F_TSO_ECN : 0)
				  : 0;

	return ioctl(t->fd, TUNSETOFFLOAD, what) ? -errno : 0;
}

int tap_up(const struct tap *t, bool up)
{
	return change_flags(t->name, up ? IFF_UP : 0, up ? 0 : IFF_UP);
}

void tap_drain(int fd)
{
	unsigned int i;
	char c[64];

	for (i = 0; i < 4 * TX_QUEUE && read(fd, c, sizeof(c)) >= 0; i++)
		;
}
