/*
 * Readers: opens N connections, sends each the same request and counts the SSE events that arrive (lines that start
 * with "data:"). One thread, raw sockets, so that the server and not the load is what a run measures.
 *
 *   readers PORT CONNECTIONS REQUEST_FILE DEADLINE_SECONDS [latency | until EVENTS]
 *
 * stdout, one JSON object a line: {"ready":N} once every connection has an answer; then one for each line on stdin,
 * "count" or "latency" (which also starts a new histogram). With `until` it reports the time from the first request to
 * that event and exits. It exits at end of input and, whatever happens, after the deadline.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CARRY = 1024, BUFFER = 256 * 1024, CONNECTING_AT_ONCE = 256, MAX_SAMPLES = 8 * 1000 * 1000 };

struct reader {
  int fd;
  int answered;
  int carried;
  char carry[CARRY];
};

static struct reader *readers;
static int wanted, opened, answered, closed, epoll;
static struct sockaddr_in server;
static char *request;
static long request_length;
static uint64_t events, bytes, last_event, first_request, until;
static int measuring_latency;
static uint32_t *samples; /* microseconds */
static long sample_count;
static char block[CARRY + BUFFER];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "readers: %s: %s\n", what, strerror(errno));
  exit(2);
}

static void open_next(void) {
  struct reader *reader = &readers[opened];
  reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (reader->fd < 0) fail("socket");
  if (connect(reader->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) fail("connect");
  struct epoll_event interest = {.events = EPOLLOUT, .data.u32 = opened};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, reader->fd, &interest)) fail("epoll_ctl");
  opened++;
}

static void send_request(int index) {
  if (!first_request) first_request = now();
  if (send(readers[index].fd, request, request_length, MSG_NOSIGNAL) != request_length) fail("sending a request");
  struct epoll_event interest = {.events = EPOLLIN, .data.u32 = index};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, readers[index].fd, &interest)) fail("epoll_ctl");
}

static void take_sample(const char *line, long length, uint64_t arrived) {
  const char *stamp = memmem(line, length, "@@", 2);
  if (!stamp || stamp + 21 > line + length || sample_count == MAX_SAMPLES) return;
  uint64_t sent = 0;
  for (int digit = 2; digit < 21; digit++) sent = sent * 10 + (stamp[digit] - '0');
  samples[sample_count++] = arrived > sent ? (arrived - sent) / 1000 : 0;
}

/* Complete lines are looked at, the rest is carried to the next read. */
static void scan(struct reader *reader, char *from, char *to) {
  uint64_t arrived = measuring_latency ? now() : 0;
  char *end;
  while ((end = memchr(from, '\n', to - from))) {
    if (end - from > 5 && !memcmp(from, "data:", 5)) {
      events++;
      if (measuring_latency) take_sample(from, end - from, arrived);
    }
    from = end + 1;
  }
  reader->carried = to - from;
  if (reader->carried > CARRY) {
    fprintf(stderr, "readers: a line is longer than %d bytes\n", CARRY);
    exit(2);
  }
  memcpy(reader->carry, from, reader->carried);
}

static void receive(int index) {
  struct reader *reader = &readers[index];
  char *arrival = block + CARRY;
  ssize_t got = recv(reader->fd, arrival, BUFFER, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    close(reader->fd);
    closed++;
    return;
  }
  if (!reader->answered) {
    if (got < 12 || memcmp(arrival + 9, "200", 3)) {
      fprintf(stderr, "readers: the server answered: %.*s\n", (int)(got > 300 ? 300 : got), arrival);
      exit(2);
    }
    reader->answered = 1;
    answered++;
  }
  bytes += got;
  char *from = arrival - reader->carried;
  memcpy(from, reader->carry, reader->carried);
  uint64_t before = events;
  scan(reader, from, arrival + got);
  if (events != before) last_event = now();
}

static int by_size(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

static void report_latency(void) {
  qsort(samples, sample_count, sizeof *samples, by_size);
  long n = sample_count;
  printf("{\"samples\":%ld,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", n, n ? samples[n / 2] / 1000.0 : 0,
         n ? samples[(long)(n * 0.99)] / 1000.0 : 0, n ? samples[n - 1] / 1000.0 : 0);
  sample_count = 0;
}

static void obey(void) {
  char line[256];
  ssize_t got = read(0, line, sizeof line - 1);
  if (got <= 0) exit(0);
  line[got] = 0;
  if (strstr(line, "latency")) report_latency();
  else if (strstr(line, "count"))
    printf("{\"open\":%d,\"events\":%lu,\"bytes\":%lu,\"lastEvent\":%lu}\n", answered - closed, events, bytes, last_event);
  fflush(stdout);
}

static void read_request(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  request = malloc(1 << 16);
  request_length = fread(request, 1, 1 << 16, file);
  fclose(file);
}

int main(int count, char **arguments) {
  if (count < 5) {
    fprintf(stderr, "readers PORT CONNECTIONS REQUEST_FILE DEADLINE_SECONDS [latency | until EVENTS]\n");
    return 64;
  }
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  wanted = atoi(arguments[2]);
  read_request(arguments[3]);
  uint64_t deadline = now() + (uint64_t)atoi(arguments[4]) * 1000000000u;
  if (count > 5) measuring_latency = !strcmp(arguments[5], "latency");
  if (count > 6) until = strtoull(arguments[6], 0, 10);
  if (measuring_latency) samples = malloc(MAX_SAMPLES * sizeof *samples);
  readers = calloc(wanted, sizeof *readers);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  struct epoll_event input = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  if (!until && epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input)) fail("watching stdin");

  struct epoll_event ready[1024];
  int said_ready = 0;
  while (now() < deadline) {
    while (opened < wanted && opened - answered < CONNECTING_AT_ONCE) open_next();
    int n = epoll_wait(epoll, ready, 1024, 1000);
    for (int i = 0; i < n; i++) {
      if (ready[i].data.u32 == UINT32_MAX) obey();
      else if (ready[i].events & EPOLLOUT) send_request(ready[i].data.u32);
      else receive(ready[i].data.u32);
    }
    if (!said_ready && answered == wanted) {
      said_ready = 1;
      printf("{\"ready\":%d}\n", answered);
      fflush(stdout);
    }
    if (until && events >= until) {
      printf("{\"events\":%lu,\"bytes\":%lu,\"seconds\":%.6f}\n", events, bytes, (last_event - first_request) / 1e9);
      return 0;
    }
    if (until && closed == wanted) break;
  }
  fprintf(stderr, "readers: stopped after %lu events on %d of %d connections\n", events, answered - closed, wanted);
  return 3;
}
