/* storage/contract/check.h - how a contract case fails: it writes down where and returns false. */
#ifndef DE_STORAGE_CONTRACT_CHECK_H
#define DE_STORAGE_CONTRACT_CHECK_H

#include <time.h>

#include "storage/base/message.h"
#include <dengine/store_contract.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            de_message_set(report->message, sizeof(report->message), "%s:%d: %s", __FILE__,        \
                           __LINE__, #condition);                                                  \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        int check_error = (call);                                                                  \
        if (check_error != 0) {                                                                    \
            de_message_set(report->message, sizeof(report->message), "%s:%d: %s gave %s",          \
                           __FILE__, __LINE__, #call, de_finding_name(check_error));               \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* What a case has found out where an error of the store could be as well: those are negative. */
enum de_finding {
    DE_FOUND_OTHER_VALUE = 1,
    DE_FOUND_TORN,
    DE_FOUND_OLDER,
    DE_FOUND_UNORDERED,
    DE_FOUND_NO_KEY,
    DE_FOUND_MORE,
    DE_FOUND_LESS,
};

/* What to say of it, or the name of an error of the store; static. */
const char *de_finding_name(int code);

/* How long a case waits for threads that it has started to get on; what they do takes a second. */
struct de_patience {
    struct timespec until;
};

void de_patience_init(struct de_patience *patience);
bool de_patience_is_over(const struct de_patience *patience);

#ifdef __cplusplus
}
#endif

#endif
