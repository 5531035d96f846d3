/*
 * Requests: K keep-alive connections send one prepared HTTP/1.1 request again and again, each waiting for its answer.
 *
 *   requests PORT CONNECTIONS REQUEST_FILE DEADLINE_SECONDS (seconds S | count N | rate R S)
 *
 * `rate` starts R requests a second for S seconds, each on a connection that is free. Latency and the time in the request
 * then count from the planned moment, so a server that stalls cannot hide the requests it kept waiting.
 * Placeholders are filled in before each sending:
 *   @@ and 19 zeros   the time of sending (with `rate` the planned one), CLOCK_MONOTONIC nanoseconds
 *   ## and 16 zeros   a number never used before in hexadecimal, mixed so that it looks random to an index
 *   %% and 4 zeros    the next of 10,000 numbers
 * stdout: one JSON object; times in milliseconds, `started` and `ended` in nanoseconds. Ends itself at the deadline.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 1 << 20, MAX_REQUEST = 9 << 20, MAX_SAMPLES = 8 * 1000 * 1000 };

struct connection {
  int fd;
  long received, sent;
  char *answer, *request;
  uint64_t began;
};

static struct sockaddr_in server;
static struct connection *connections;
static char *pattern;
static long length, sample_count;
static uint64_t requests, failures, unique, topic;
static uint32_t *samples; /* microseconds */
static char first_failure[160];
static long *spots, spot_count;
static int epoll;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "requests: %s: %s\n", what, strerror(errno));
  exit(2);
}

static void digits(char *at, uint64_t value, int count, unsigned base) {
  while (count--) at[count] = "0123456789abcdef"[value % base], value /= base;
}

static void fill(char *text, uint64_t moment) {
  for (long i = 0; i < spot_count; i++) {
    char *at = text + spots[i];
    if (*at == '@') digits(at + 2, moment, 19, 10);
    else if (*at == '%') digits(at + 2, topic++ % 10000, 4, 10);
    else digits(at + 2, ++unique * 0x9e3779b97f4a7c15u, 16, 16);
  }
}

static void find_spots(void) {
  spots = malloc(sizeof *spots * (length / 6 + 1));
  for (long i = 0; i + 6 <= length; i++) {
    if (memcmp(pattern + i, "@@0000", 6) && memcmp(pattern + i, "##0000", 6) && memcmp(pattern + i, "%%0000", 6)) continue;
    spots[spot_count++] = i;
  }
}

/* Bodies of megabytes do not fit a socket at once: the rest goes out when there is room. */
static void push(struct connection *c) {
  ssize_t put = send(c->fd, c->request + c->sent, length - c->sent, MSG_NOSIGNAL);
  if (put < 0 && errno != EAGAIN) fail("sending");
  if (put > 0) c->sent += put;
  struct epoll_event interest = {.events = EPOLLIN | (c->sent < length ? EPOLLOUT : 0), .data.ptr = c};
  if (c->sent < length || put < length) epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &interest);
}

static void begin(struct connection *c, uint64_t planned) {
  c->received = c->sent = 0;
  c->began = planned ? planned : now();
  fill(c->request, c->began);
  push(c);
}

/* Whether the answer is whole: by Content-Length, else by the last chunk. */
static int whole(struct connection *c) {
  c->answer[c->received] = 0;
  char *body = memmem(c->answer, c->received, "\r\n\r\n", 4);
  if (!body) return 0;
  body += 4;
  for (char *line = c->answer; line && line < body; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : 0)
    if (!strncasecmp(line, "content-length:", 15)) return c->answer + c->received - body >= atol(line + 15);
  if (!memcmp(c->answer + 9, "204", 3)) return 1;
  return c->received >= 5 && !memcmp(c->answer + c->received - 5, "0\r\n\r\n", 5);
}

/* 1 when an answer is complete. */
static int receive(struct connection *c) {
  ssize_t got = recv(c->fd, c->answer + c->received, ANSWER - 1 - c->received, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    fprintf(stderr, "requests: the server closed a connection after: %.300s\n", c->answer);
    exit(2);
  }
  c->received += got;
  if (!whole(c)) return 0;
  if (c->answer[9] == '2') {
    requests++;
    if (sample_count < MAX_SAMPLES) samples[sample_count++] = (now() - c->began) / 1000;
  } else if (!failures++) {
    char *end = memmem(c->answer, c->received, "\r\n\r\n", 4);
    snprintf(first_failure, sizeof first_failure, "%.12s %.140s", c->answer, end ? end + 4 : "");
    for (char *p = first_failure; *p; p++) if (*p == '"' || *p == '\\' || *p < ' ') *p = '\'';
  }
  return 1;
}

static int by_size(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

static void report(uint64_t started, uint64_t ended) {
  qsort(samples, sample_count, sizeof *samples, by_size);
  long n = sample_count;
  printf("{\"requests\":%lu,\"failures\":%lu,\"firstFailure\":\"%s\",\"started\":%lu,\"ended\":%lu,\"seconds\":%.6f,"
         "\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", requests, failures, first_failure, started, ended,
         (ended - started) / 1e9, n ? samples[n / 2] / 1e3 : 0, n ? samples[(long)(n * 0.99)] / 1e3 : 0,
         n ? samples[n - 1] / 1e3 : 0);
}

static void open_connection(struct connection *c) {
  c->answer = malloc(ANSWER);
  c->request = malloc(length);
  memcpy(c->request, pattern, length);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &interest);
}

/* Open loop: requests start when planned, whether or not earlier ones were answered, while a connection is free. */
static int paced(int width, double rate, double seconds, uint64_t started, uint64_t deadline) {
  /* In turns: servers close a connection that has sent nothing for some ten seconds. */
  struct connection **free_ones = malloc(width * sizeof *free_ones);
  int spare = width, next = 0;
  for (int i = 0; i < width; i++) free_ones[i] = &connections[i];
  long total = rate * seconds, begun = 0;
  struct epoll_event ready[256];
  while ((begun < total || spare < width) && now() < deadline) {
    uint64_t planned = started + (uint64_t)(begun * 1e9 / rate), moment = now(), wait = 100000000u;
    if (begun < total && spare > 0) {
      if (planned <= moment) {
        begin(free_ones[next], planned);
        next = (next + 1) % width;
        spare--;
        begun++;
        continue;
      }
      if (planned - moment < wait) wait = planned - moment;
    }
    struct timespec timeout = {0, wait};
    int n = epoll_pwait2(epoll, ready, 256, &timeout, 0);
    for (int i = 0; i < n; i++)
      if (receive(ready[i].data.ptr)) free_ones[(next + spare++) % width] = ready[i].data.ptr;
  }
  return width - spare;
}

int main(int count, char **arguments) {
  if (count < 7 || (!strcmp(arguments[5], "rate") && count < 8)) {
    fprintf(stderr, "requests PORT CONNECTIONS REQUEST_FILE DEADLINE_SECONDS (seconds S | count N | rate R S)\n");
    return 64;
  }
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int width = atoi(arguments[2]);
  FILE *file = fopen(arguments[3], "rb");
  if (!file) fail(arguments[3]);
  pattern = malloc(MAX_REQUEST);
  length = fread(pattern, 1, MAX_REQUEST, file);
  fclose(file);
  find_spots();
  samples = malloc(MAX_SAMPLES * sizeof *samples);
  unique = now();
  epoll = epoll_create1(0);
  connections = calloc(width, sizeof *connections);
  for (int i = 0; i < width; i++) open_connection(&connections[i]);

  uint64_t started = now(), deadline = started + (uint64_t)atoi(arguments[4]) * 1000000000u;
  if (!strcmp(arguments[5], "rate")) {
    int unanswered = paced(width, atof(arguments[6]), atof(arguments[7]), started, deadline);
    report(started, now());
    return unanswered ? 3 : 0;
  }
  int by_count = !strcmp(arguments[5], "count");
  uint64_t total = by_count ? strtoull(arguments[6], 0, 10) : UINT64_MAX, begun = 0;
  uint64_t stop = by_count ? deadline : started + (uint64_t)(atof(arguments[6]) * 1e9);
  int busy = 0;
  for (int i = 0; i < width && begun < total; i++) begin(&connections[i], 0), busy++, begun++;
  struct epoll_event ready[256];
  while (busy > 0 && now() < deadline) {
    int n = epoll_wait(epoll, ready, 256, 1000);
    for (int i = 0; i < n; i++) {
      struct connection *c = ready[i].data.ptr;
      if (ready[i].events & EPOLLOUT && c->sent < length) push(c);
      if (!(ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !receive(c)) continue;
      if (now() < stop && begun < total) begin(c, 0), begun++;
      else busy--;
    }
  }
  report(started, now());
  return busy ? 3 : 0;
}
