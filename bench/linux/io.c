/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks and packets. io=guest on the kernel's command line: through the front ends, to what dom0 serves (bench/dom0).
 * io=native: the same on the RAM disk itself, and to a process in a network namespace of its own, over a veth pair.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#define SERVER         "10.0.9.1"
#define CLIENT         "10.0.9.2"
#define PORT           7000
#define PAYLOAD        1400u
#define BURST          64u
#define DISK_BYTES     (4ul << 20)
#define LARGE          (64u << 10)
#define SOCKET_BYTES   (4 << 20)   /* a burst in whole pages, and then some */
#define SECONDS_TO_COME 30

/* What a datagram asks the server for: its first byte. */
enum { ECHO = 1, KEEP, KEPT_ALL, SEND_BURST };

/* ---- set-up ---- */

/* Drivers are modules in Debian's kernel; those for hardware that is not there refuse. */
static void load_modules(void)
{
    FILE *list = fopen("/modules/list", "r");
    char name[64], path[96];

    MUST(list);
    while (fscanf(list, "%63s", name) == 1) {
        snprintf(path, sizeof(path), "/modules/%s", name);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);

        MUST(fd >= 0);
        (void)syscall(SYS_finit_module, fd, "", 0);
        close(fd);
    }
    fclose(list);
}

static void a_moment(void)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* A front end's device comes when its back end has answered. */
static int open_when_there(const char *path, int flags)
{
    int fd = -1;

    for (unsigned int i = 0; fd < 0 && i < SECONDS_TO_COME * 100; i++) {
        fd = open(path, flags);
        if (fd < 0)
            a_moment();
    }
    must(fd >= 0, path);
    return fd;
}

/* ---- blocks ---- */

/* One block after the other, as a file is read; the device begins again when it ends. */
static void block(const char *name, int fd, char *buffer, size_t bytes, bool is_write)
{
    off_t at = -(off_t)bytes;

    MEASURE_N(SAMPLES, 1, name, at = (at + (off_t)bytes) % (off_t)DISK_BYTES,
              MUST((is_write ? pwrite(fd, buffer, bytes, at) : pread(fd, buffer, bytes, at)) == (ssize_t)bytes));
}

void bench_blocks(void)
{
    const bool is_guest = strcmp(getenv("io"), "guest") == 0;
    const int fd = open_when_there(is_guest ? "/dev/xvda" : "/dev/ram0", O_RDWR | O_DIRECT);
    char *buffer = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    MUST(buffer != MAP_FAILED);
    /* The RAM disk has its pages, and the front end its grants, from the first write on. */
    for (unsigned int round = 0; round < 2; round++) {
        for (off_t at = 0; at < (off_t)DISK_BYTES; at += LARGE)
            MUST(pwrite(fd, buffer, LARGE, at) == LARGE);
    }
    block("disk read of 4 KiB", fd, buffer, PAGE_BYTES, false);
    block("disk write of 4 KiB", fd, buffer, PAGE_BYTES, true);
    block("disk read of 64 KiB", fd, buffer, LARGE, false);
    block("disk write of 64 KiB", fd, buffer, LARGE, true);
    munmap(buffer, LARGE);
    close(fd);
}

/* ---- packets: the wire ---- */

static struct sockaddr_in address(const char *where)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    MUST(inet_pton(AF_INET, where, &a.sin_addr) == 1);
    return a;
}

static void card_up(const char *card, const char *where)
{
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a = address(where), mask = address("255.255.255.0");
    struct ifreq r = { 0 };

    a.sin_port = 0;
    mask.sin_port = 0;
    strncpy(r.ifr_name, card, sizeof(r.ifr_name) - 1);
    memcpy(&r.ifr_addr, &a, sizeof(a));
    MUST(ioctl(fd, SIOCSIFADDR, &r) == 0);
    memcpy(&r.ifr_netmask, &mask, sizeof(mask));
    MUST(ioctl(fd, SIOCSIFNETMASK, &r) == 0);
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    MUST(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
    close(fd);
}

/* A request to the kernel; attributes are put behind each other, an open one ends where the last did. */
struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    char attributes[256];
};

static struct rtattr *put(struct request *r, unsigned short type, const void *data, size_t bytes)
{
    struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(bytes);
    if (bytes)
        memcpy(RTA_DATA(a), data, bytes);
    r->header.nlmsg_len = (unsigned int)((char *)a - (char *)r + RTA_ALIGN(a->rta_len));
    return a;
}

static void end(struct request *r, struct rtattr *a)
{
    a->rta_len = (unsigned short)((char *)r + r->header.nlmsg_len - (char *)a);
}

/* `card` here; its other end, with the same name, in the namespace of the process `peer`. */
static void make_veth(const char *card, pid_t peer)
{
    struct request r = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(r.link)), .nlmsg_type = RTM_NEWLINK,
                                     .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK } };
    struct { struct nlmsghdr header; struct nlmsgerr error; char rest[512]; } answer;
    const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    const struct ifinfomsg other = { 0 };

    (void)put(&r, IFLA_IFNAME, card, strlen(card) + 1);
    struct rtattr *info = put(&r, IFLA_LINKINFO, NULL, 0);

    (void)put(&r, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = put(&r, IFLA_INFO_DATA, NULL, 0), *end_of_pair = put(&r, VETH_INFO_PEER, &other, sizeof(other));

    (void)put(&r, IFLA_IFNAME, card, strlen(card) + 1);
    (void)put(&r, IFLA_NET_NS_PID, &peer, sizeof(peer));
    end(&r, end_of_pair);
    end(&r, data);
    end(&r, info);
    MUST(send(fd, &r, r.header.nlmsg_len, 0) == (ssize_t)r.header.nlmsg_len);
    MUST(recv(fd, &answer, sizeof(answer), 0) > 0 && answer.error.error == 0);
    close(fd);
}

/* ---- packets: the two sides ---- */

static int endpoint(const char *own, const char *other)
{
    const int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = SOCKET_BYTES;
    struct sockaddr_in a = address(own), b = address(other);

    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0);
    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0);
    MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && connect(fd, (struct sockaddr *)&b, sizeof(b)) == 0);
    return fd;
}

static void send_burst(int fd, char *packet, char last)
{
    for (unsigned int i = 0; i < BURST; i++) {
        packet[0] = i < BURST - 1 ? KEEP : last;
        MUST(send(fd, packet, PAYLOAD, 0) == PAYLOAD);
    }
}

/* The process in dom0, or in the other namespace. */
void serve(void)
{
    static char packet[PAYLOAD];
    const int fd = endpoint(SERVER, CLIENT);

    for (;;) {
        if (recv(fd, packet, sizeof(packet), 0) < 1)
            continue;
        if (packet[0] == ECHO || packet[0] == KEPT_ALL)
            (void)!send(fd, packet, 1, 0);
        else if (packet[0] == SEND_BURST)
            send_burst(fd, packet, KEPT_ALL);
    }
}

static void ask(int fd, char what)
{
    MUST(send(fd, &what, 1, 0) == 1);
}

static void round_trip(int fd)
{
    char byte;

    ask(fd, ECHO);
    MUST(recv(fd, &byte, 1, 0) == 1);
}

static void stream_out(int fd, char *packet)
{
    send_burst(fd, packet, KEPT_ALL);
    MUST(recv(fd, packet, PAYLOAD, 0) == 1);
}

static void stream_in(int fd, char *packet)
{
    ask(fd, SEND_BURST);
    do
        MUST(recv(fd, packet, PAYLOAD, 0) == PAYLOAD);
    while (packet[0] != KEPT_ALL);
}

/* Until the other side is up and both know each other's addresses. */
static void first_contact(int fd)
{
    struct timeval patience = { .tv_usec = 200000 };
    char byte;

    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    for (unsigned int i = 0; i < SECONDS_TO_COME * 5; i++) {
        byte = ECHO;
        if (send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1)
            break;
        MUST(i + 1 < SECONDS_TO_COME * 5);
    }
    while (recv(fd, &byte, 1, 0) == 1)
        ;
    patience.tv_usec = 0;
    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
}

static void serve_elsewhere(const char *card)
{
    int is_apart[2];
    char byte = 0;

    MUST(pipe(is_apart) == 0);
    const pid_t server = fork();

    if (server == 0) {
        MUST(unshare(CLONE_NEWNET) == 0);
        MUST(write(is_apart[1], &byte, 1) == 1);
        while (if_nametoindex(card) == 0)
            a_moment();
        card_up(card, SERVER);
        serve();
    }
    MUST(server > 0 && read(is_apart[0], &byte, 1) == 1);
    make_veth(card, server);
}

void bench_packets(void)
{
    static char packet[PAYLOAD];
    const char *const card = strcmp(getenv("io"), "guest") == 0 ? "eth0" : "veth0";

    if (strcmp(card, "veth0") == 0)
        serve_elsewhere(card);
    for (unsigned int i = 0; if_nametoindex(card) == 0; i++) {
        must(i < SECONDS_TO_COME * 100, card);
        a_moment();
    }
    card_up(card, CLIENT);
    const int fd = endpoint(CLIENT, SERVER);

    first_contact(fd);
    for (unsigned int i = 0; i < BURST; i++) {
        stream_out(fd, packet);
        stream_in(fd, packet);
    }
    MEASURE("network round trip of 1 byte, UDP", round_trip(fd));
    MEASURE_N(SAMPLES, BURST, "network packet sent, UDP, 1400 bytes, in a stream", , stream_out(fd, packet));
    MEASURE_N(SAMPLES, BURST, "network packet received, UDP, 1400 bytes, in a stream", , stream_in(fd, packet));
    close(fd);
}

void bench_io(void)
{
    load_modules();
    bench_blocks();
    bench_packets();
}
