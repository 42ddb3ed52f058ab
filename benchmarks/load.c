/* Load on a MongoDB address: find by _id over raw OP_MSG, one thread, epoll.
 *
 * usage: load HOST PORT CONNECTIONS SECONDS RATE DOCUMENTS
 *
 * RATE 0: closed loop, each connection sends its next request when the last is answered.
 * RATE n: open loop, n requests a second at fixed times, whatever became of the ones before; a latency counts from the time
 * its request was due, so that a stall is seen by all requests it delays.
 * Prints one line of JSON; latencies are in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define BUFFER (256 * 1024)

struct connection {
    int fd;
    size_t got;      /* bytes of the reply read so far */
    size_t length;   /* of the reply; 0 while its header is not there */
    int64_t due;     /* when the request was due, in ns */
    unsigned char *buffer;
};

static struct connection connections[MAX_CONNECTIONS];
static int idle[MAX_CONNECTIONS], idle_count;
static unsigned char request[256];
static size_t request_length, id_at;
static uint32_t *latencies, random_state = 1;
static size_t latency_count, latency_room, failures;
static int documents;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void put_int(size_t at, int32_t value) { memcpy(request + at, &value, 4); }

static size_t put(size_t at, const void *bytes, size_t count) {
    memcpy(request + at, bytes, count);
    return at + count;
}

/* {find: "docs", filter: {_id: int32}, limit: 1, singleBatch: true, $db: "bench"} */
static void build_request(void) {
    size_t at = 21, filter;
    memset(request, 0, sizeof request);
    put_int(12, 2013);
    at += 4;
    at = put(at, "\x02" "find\0" "\x05\0\0\0" "docs", 15);
    at = put(at, "\x03" "filter", 8);
    filter = at;
    at += 4;
    at = put(at, "\x10" "_id", 5);
    id_at = at;
    at += 4 + 1;
    put_int(filter, (int32_t)(at - filter));
    at = put(at, "\x10" "limit\0" "\x01\0\0\0", 11);
    at = put(at, "\x08" "singleBatch\0" "\x01", 14);
    at = put(at, "\x02" "$db\0" "\x06\0\0\0" "bench", 15);
    at += 1;
    put_int(21, (int32_t)(at - 21));
    put_int(0, (int32_t)at);
    request_length = at;
}

static void send_request(int number, int64_t due) {
    struct connection *c = &connections[number];
    random_state = random_state * 1664525u + 1013904223u;
    put_int(id_at, (int32_t)((random_state >> 8) % (uint32_t)documents));
    put_int(4, (int32_t)(random_state | 1));
    c->due = due;
    c->got = c->length = 0;
    if (write(c->fd, request, request_length) != (ssize_t)request_length) die("write");
}

static void note(int64_t ns) {
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 20;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) die("realloc");
    }
    latencies[latency_count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/* Reads what is there; returns whether the reply is whole. */
static int receive(struct connection *c) {
    ssize_t n = read(c->fd, c->buffer + c->got, BUFFER - c->got);
    if (n <= 0) {
        fprintf(stderr, "connection lost\n");
        exit(1);
    }
    c->got += (size_t)n;
    if (!c->length && c->got >= 4) {
        int32_t length;
        memcpy(&length, c->buffer, 4);
        c->length = (size_t)length;
    }
    if (!c->length || c->got < c->length) return 0;
    /* An error or a missing document would make a fast reply: a whole document has 1 KB. */
    if (c->length < 1000) failures++;
    return 1;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double q) {
    return latency_count ? latencies[(size_t)(q * (double)(latency_count - 1))] / 1000.0 : 0;
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: load HOST PORT CONNECTIONS SECONDS RATE DOCUMENTS\n");
        return 64;
    }
    int count = atoi(argv[3]), one = 1, poll = epoll_create1(0), timer = -1;
    double seconds = atof(argv[4]), rate = atof(argv[5]);
    documents = atoi(argv[6]);
    if (count < 1 || count > MAX_CONNECTIONS || documents < 1) return 64;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    build_request();
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        connections[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        connections[i].buffer = malloc(BUFFER);
        if (connect(connections[i].fd, (struct sockaddr *)&address, sizeof address)) die("connect");
        setsockopt(connections[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
        idle[idle_count++] = i;
    }
    int64_t interval = rate > 0 ? (int64_t)(1e9 / rate) : 0, start = now_ns(), due = start;
    int64_t warm = start + (int64_t)(seconds * 2e8), end = warm + (int64_t)(seconds * 1e9);
    if (rate > 0) {
        struct itimerspec every = {.it_interval = {.tv_nsec = interval % 1000000000}, .it_value = {.tv_nsec = 1}};
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        timerfd_settime(timer, 0, &every, NULL);
        epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
    } else {
        while (idle_count) send_request(idle[--idle_count], now_ns());
    }
    for (int64_t now = start; now < end;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 1000);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 == UINT32_MAX) {
                uint64_t ticks;
                if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) die("timer");
                continue;
            }
            int number = (int)events[i].data.u32;
            struct connection *c = &connections[number];
            if (!receive(c)) continue;
            now = now_ns();
            if (now >= warm && now < end) note(now - c->due);
            if (rate > 0) idle[idle_count++] = number;
            else send_request(number, now_ns());
        }
        while (rate > 0 && due <= now && idle_count) {
            send_request(idle[--idle_count], due);
            due += interval;
        }
    }
    qsort(latencies, latency_count, sizeof *latencies, by_value);
    printf("{\"operations\": %zu, \"failures\": %zu, \"per_s\": %.1f, \"p50_us\": %.1f, \"p95_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f}\n",
           latency_count, failures, (double)latency_count / seconds, quantile(0.5), quantile(0.95), quantile(0.99),
           quantile(1));
    return failures ? 1 : 0;
}
