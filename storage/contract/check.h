/* storage/contract/check.h - how a contract case fails: it writes down where and returns false. */
#ifndef DE_STORAGE_CONTRACT_CHECK_H
#define DE_STORAGE_CONTRACT_CHECK_H

#include "storage/base/message.h"
#include <dengine/store_contract.h>

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
                           __FILE__, __LINE__, #call, dengine_error_name(check_error));            \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

#endif
