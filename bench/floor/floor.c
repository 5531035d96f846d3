/*
 * The floor: what a machine can do at best with one write per event and reader. A bare epoll loop, one thread, no HTTP
 * beyond what the load needs, no log, no checks. GET makes the connection a reader; POST writes its body to every
 * reader as one SSE event in the frame our server sends (id, event, data, as one HTTP chunk), then answers 201.
 *
 *   floor PORT DEADLINE_SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_READERS = 20000, INPUT = 4096 };

struct peer {
  int fd, place; /* place among the readers, or -1 */
  int received;
  char *input; /* freed when the peer becomes a reader */
};

static struct peer *readers[MAX_READERS];
static int reader_count, epoll;
static uint64_t offset;

static const char head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\n"
    "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";
static const char created[] = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
static const char alive[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void drop(struct peer *peer) {
  close(peer->fd);
  if (peer->place >= 0) {
    readers[peer->place] = readers[--reader_count];
    readers[peer->place]->place = peer->place;
  }
  free(peer->input);
  free(peer);
}

/* Nothing is lost: a full socket holds everybody up until it has room, which only makes the floor slower. */
static int put(int fd, const char *bytes, long length) {
  while (length > 0) {
    ssize_t done = send(fd, bytes, length, MSG_NOSIGNAL);
    if (done < 0 && errno == EAGAIN) {
      struct pollfd room = {.fd = fd, .events = POLLOUT};
      if (poll(&room, 1, 5000) <= 0) return -1;
      continue;
    }
    if (done < 0) return -1;
    bytes += done, length -= done;
  }
  return 0;
}

static void publish(const char *data, int length) {
  char frame[INPUT + 128], chunk[INPUT + 160];
  int size = snprintf(frame, sizeof frame, "id: k3f9a2b7.%lu\nevent: tick\ndata: %.*s\n\n", ++offset, length, data);
  int total = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", size, frame);
  for (int i = reader_count - 1; i >= 0; i--)
    if (put(readers[i]->fd, chunk, total)) shutdown(readers[i]->fd, SHUT_RDWR);
}

/* 1 when a whole request was there and has been served. */
static int serve(struct peer *peer) {
  peer->input[peer->received] = 0;
  char *end = strstr(peer->input, "\r\n\r\n");
  if (!end) return 0;
  if (!memcmp(peer->input, "GET /livez", 10)) {
    put(peer->fd, alive, sizeof alive - 1);
    return 1;
  }
  if (!memcmp(peer->input, "GET ", 4)) {
    if (reader_count == MAX_READERS) exit(3);
    put(peer->fd, head, sizeof head - 1);
    peer->place = reader_count;
    readers[reader_count++] = peer;
    free(peer->input);
    peer->input = 0;
    return 0;
  }
  char *said = strcasestr(peer->input, "content-length:");
  int length = said && said < end ? atoi(said + 15) : 0;
  if (peer->input + peer->received - (end + 4) < length) return 0;
  publish(end + 4, length);
  put(peer->fd, created, sizeof created - 1);
  return 1;
}

static void receive(struct peer *peer) {
  static char ignored[INPUT];
  int reading = peer->place < 0;
  char *to = reading ? peer->input + peer->received : ignored;
  ssize_t got = recv(peer->fd, to, reading ? INPUT - 1 - peer->received : INPUT, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(peer);
    return;
  }
  if (!reading) return;
  peer->received += got;
  if (serve(peer)) peer->received = 0;
}

static void admit(int listener) {
  for (;;) {
    int fd = accept4(listener, 0, 0, SOCK_NONBLOCK);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *peer = malloc(sizeof *peer);
    *peer = (struct peer){.fd = fd, .place = -1, .input = malloc(INPUT)};
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "floor PORT DEADLINE_SECONDS\n");
    return 64;
  }
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  time_t deadline = time(0) + atoi(arguments[2]);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&place, sizeof place) || listen(listener, 4096)) {
    perror("floor: listening");
    return 74;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = 0}, ready[512];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
  while (time(0) < deadline) {
    int n = epoll_wait(epoll, ready, 512, 1000);
    for (int i = 0; i < n; i++)
      if (ready[i].data.ptr) receive(ready[i].data.ptr);
      else admit(listener);
  }
  return 0;
}
