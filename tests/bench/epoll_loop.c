/* The least that a check can cost: connect, GET, read a status, close; one epoll loop, no memory, no schedule.
 *
 *   epoll_loop TOTAL CONCURRENCY RATE FIRST_PORT PORTS ADDRESSES
 *
 * Targets are 127.0.0.1 .. 127.0.0.ADDRESSES, each with PORTS ports. RATE is starts a second, 0 for as many as go.
 * Prints one line: checks that answered 200, CPU seconds (user + system), wall seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 20000

static char sent[MAX_FD];
static int poller, running, started, finished, good;
static int first_port, ports, addresses;

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void start(void)
{
    int number = started++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fd >= MAX_FD) {
        perror("socket");
        exit(1);
    }
    struct sockaddr_in peer = {.sin_family = AF_INET};
    peer.sin_port = htons(first_port + number / addresses % ports);
    peer.sin_addr.s_addr = htonl(0x7f000001 + number % addresses);
    sent[fd] = 0;
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS) {
        perror("connect");
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    running++;
}

static void serve(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: epoll\r\nAccept: */*\r\n\r\n";
    char answer[4096];
    if (!sent[fd]) {
        sent[fd] = 1;
        if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1) {
            struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
            return;
        }
    } else {
        ssize_t length = recv(fd, answer, sizeof answer, 0);
        if (length > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0)
            good++;
    }
    close(fd);
    running--;
    finished++;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    int total = atoi(argv[1]), concurrency = atoi(argv[2]);
    double rate = atof(argv[3]);
    first_port = atoi(argv[4]), ports = atoi(argv[5]), addresses = atoi(argv[6]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    double began = monotonic();
    struct epoll_event ready[256];
    while (finished < total) {
        double due = began + (rate > 0 ? started / rate : 0);
        while (started < total && running < concurrency && (rate <= 0 || due <= monotonic())) {
            start();
            due = began + (rate > 0 ? started / rate : 0);
        }
        int wait = 1000;
        if (rate > 0 && started < total) {
            double left = due - monotonic();
            wait = left > 0 ? (int)(left * 1000) + 1 : 0;
        }
        int count = epoll_wait(poller, ready, 256, wait);
        for (int each = 0; each < count; each++)
            serve(ready[each].data.fd);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%d %.6f %.6f\n", good, cpu, monotonic() - began);
    return 0;
}
