#include "cli/attention.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/assert.h"

bool de_cli_attention_begin(struct de_cli_attention *attention)
{
    static const int taken[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCHLD};
    sigset_t set;
    size_t i;

    (void)sigemptyset(&set);
    for (i = 0; i < DE_ARRAY_SIZE(taken); i++) {
        (void)sigaddset(&set, taken[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &set, &attention->before);
    (void)signal(SIGCHLD, SIG_DFL); /* who is ignored is not waited for */
    attention->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    attention->word = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (attention->signals >= 0 && attention->word >= 0) {
        return true;
    }
    de_cli_attention_end(attention);
    return false;
}

const sigset_t *de_cli_attention_before(const struct de_cli_attention *attention)
{
    DE_ASSERT(attention->word >= 0);
    return &attention->before;
}

void de_cli_attention_end(struct de_cli_attention *attention)
{
    if (attention->signals >= 0) {
        (void)close(attention->signals);
    }
    if (attention->word >= 0) {
        (void)close(attention->word);
    }
    (void)pthread_sigmask(SIG_SETMASK, &attention->before, NULL);
}

void de_cli_attention_say(struct de_cli_attention *attention)
{
    const uint64_t one = 1;
    const ssize_t written = write(attention->word, &one, sizeof one);

    DE_ASSERT(written == (ssize_t)sizeof one);
}

int de_cli_attention_wait(struct de_cli_attention *attention)
{
    struct pollfd ends[2] = {{attention->signals, POLLIN, 0}, {attention->word, POLLIN, 0}};
    struct signalfd_siginfo info;
    uint64_t count;

    for (;;) {
        if (read(attention->signals, &info, sizeof info) == (ssize_t)sizeof info) {
            DE_ASSERT(info.ssi_signo > 0);
            return (int)info.ssi_signo;
        }
        if (read(attention->word, &count, sizeof count) == (ssize_t)sizeof count) {
            return 0;
        }
        (void)poll(ends, 2, -1); /* EINTR: then there is nothing to read */
    }
}
