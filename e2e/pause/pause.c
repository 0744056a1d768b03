/*
 * The process that holds a pod's namespaces: it waits for ever, reaps what is orphaned into its pid namespace, and ends
 * when it is told to. `environment up` links it statically and packs it as the sandbox image.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static void reap(int signal_number) {
  (void)signal_number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
