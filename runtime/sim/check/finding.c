#include "runtime/sim/check/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"

void de_finding_init(struct de_finding *finding)
{
    memset(finding, 0, sizeof(*finding));
}

bool de_finding_set(struct de_finding *finding, const char *rule, const char *format, ...)
{
    va_list arguments;
    DE_ASSERT(rule[0] != '\0' && strlen(rule) < sizeof(finding->rule));
    if (de_finding_is_set(finding)) {
        return false;
    }
    (void)snprintf(finding->rule, sizeof(finding->rule), "%s", rule);
    va_start(arguments, format);
    (void)vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
    return false;
}

const char *de_finding_bytes(struct dengine_slice bytes, char out[DE_FINDING_BYTES_MAX])
{
    const uint8_t *data = bytes.data;
    size_t used = 1;
    size_t i = 0;
    out[0] = '"';
    /* The longest byte takes 4, the end "...\"" and NUL 5. */
    for (; i < bytes.size && used + 9 <= DE_FINDING_BYTES_MAX; i++) {
        bool plain = data[i] >= 0x20 && data[i] < 0x7f && data[i] != '"' && data[i] != '\\';
        used += (size_t)snprintf(out + used, DE_FINDING_BYTES_MAX - used, plain ? "%c" : "\\x%02x",
                                 (unsigned)data[i]);
    }
    (void)snprintf(out + used, DE_FINDING_BYTES_MAX - used, "%s\"", i < bytes.size ? "..." : "");
    return out;
}
