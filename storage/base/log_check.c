#include "storage/base/log_check.h"

#include "core/base/assert.h"

DE_STATIC_ASSERT(DE_LOG_INDEX_MAX < UINT64_MAX, "there is an index after the last");
DE_STATIC_ASSERT(DE_LOG_DATA_MAX <= INT32_MAX, "a length and a header's size fit 32 bits");

static int check_entries(const struct dengine_log_write *write)
{
    DE_ASSERT(write->entries != NULL);
    for (size_t i = 0; i < write->entry_count; i++) {
        const struct dengine_entry *entry = &write->entries[i];

        DE_ASSERT(entry->data.data != NULL || entry->data.size == 0);
        if (entry->data.size > DE_LOG_DATA_MAX) {
            return DENGINE_E_TOO_LARGE;
        }
    }
    return 0;
}

int de_log_check_writes(uint64_t first_index, uint64_t *last_index,
                        const struct dengine_log_write *writes, size_t count)
{
    uint64_t last = *last_index;

    DE_ASSERT(first_index > 0 && last >= first_index - 1);
    DE_ASSERT(last <= DE_LOG_INDEX_MAX);
    DE_ASSERT(writes != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct dengine_log_write *write = &writes[i];

        if (write->truncate_from != 0 && write->truncate_from < first_index) {
            return DENGINE_E_INVALID;
        }
        if (write->truncate_from != 0 && write->truncate_from <= last) {
            last = write->truncate_from - 1;
        }
        if (write->entry_count > 0) {
            int error = check_entries(write);

            if (error != 0) {
                return error;
            }
            if (write->first_index != last + 1) {
                return DENGINE_E_INVALID;
            }
            if (write->entry_count > DE_LOG_INDEX_MAX - last) {
                return DENGINE_E_INVALID;
            }
            last += write->entry_count;
        }
    }
    DE_ASSERT(last >= first_index - 1 && last <= DE_LOG_INDEX_MAX);
    *last_index = last;
    return 0;
}
