// The floor of a command of the docker client: a server that has its answer in memory.
//
//   replay SOCKET FILE
//
// Answers HEAD and GET of /_ping as a daemon does, and whatever else is asked, once its body has come, with FILE. Says "ready".

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char *answer;
static size_t answer_length;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void send_all(int connection, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = write(connection, bytes, length);
    if (sent <= 0) return;
    bytes += sent;
    length -= (size_t)sent;
  }
}

static void reply(int connection, const char *type, const char *body, size_t length) {
  char head[512];
  int head_length = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nOstype: linux\r\nDocker-Experimental: false\r\n"
                             "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                             type, length);
  send_all(connection, head, (size_t)head_length);
  send_all(connection, body, length);
}

/** Requests of one connection, which the client sends one after the other. */
static void *serve(void *argument) {
  int connection = (int)(intptr_t)argument;
  static const size_t size = 1 << 16;
  char *bytes = malloc(size + 1);
  size_t length = 0;
  for (ssize_t got; bytes && (got = read(connection, bytes + length, size - length)) > 0;) {
    length += (size_t)got;
    bytes[length] = 0;
    char *body = strstr(bytes, "\r\n\r\n");
    if (!body) continue;
    int is_ping = strstr(bytes, "/_ping") != NULL;
    int is_head = strncmp(bytes, "HEAD", 4) == 0;
    int is_chunked = strstr(bytes, "chunked") != NULL;
    // A tail that says that no more chunks come; what came before it is not looked at.
    while (is_chunked && (length < 7 || memcmp(bytes + length - 7, "\r\n0\r\n\r\n", 7) != 0)) {
      if (length > size / 2) {
        memmove(bytes, bytes + length - 8, 8);
        length = 8;
      }
      if ((got = read(connection, bytes + length, size - length)) <= 0) break;
      length += (size_t)got;
    }
    if (is_ping) reply(connection, "text/plain", "", 0);
    else reply(connection, "application/json", answer, is_head ? 0 : answer_length);
    length = 0;
  }
  free(bytes);
  close(connection);
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  FILE *file = fopen(arguments[2], "r");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail(arguments[2]);
  answer_length = (size_t)ftell(file);
  rewind(file);
  answer = malloc(answer_length);
  if (fread(answer, 1, answer_length, file) != answer_length) fail(arguments[2]);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, arguments[1], sizeof address.sun_path - 1);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 16) != 0) fail(arguments[1]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int connection = accept(server, NULL, NULL);
    if (connection < 0) fail("accept");
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) != 0) fail("pthread_create");
    pthread_detach(thread);
  }
}
