#include "cli/scan_command.h"

#include <stdlib.h>

#include "client/json_text.h"
#include "core/base/assert.h"

void de_cli_print_pair(const struct dengine_pair *pair, bool keys_only)
{
    (void)fwrite(pair->key.data, 1, pair->key.size, stdout);
    if (!keys_only) {
        (void)fputs("\t", stdout);
        (void)fwrite(pair->value.data, 1, pair->value.size, stdout);
    }
    (void)fputs("\n", stdout);
}

void de_cli_print_pair_json(const struct dengine_pair *pair, bool keys_only)
{
    (void)fputs("{", stdout);
    de_json_put_bytes(stdout, "key", pair->key);
    if (!keys_only) {
        (void)fputs(",", stdout);
        de_json_put_bytes(stdout, "value", pair->value);
    }
    (void)printf(",\"revision\":%llu", (unsigned long long)pair->mod_revision);
    if (pair->lease != 0) {
        (void)printf(",\"lease\":%llu", (unsigned long long)pair->lease);
    }
    (void)fputs("}", stdout);
}

static void print_pair(const struct de_cli_arguments *arguments, const struct dengine_pair *pair)
{
    if (arguments->json) {
        de_cli_print_pair_json(pair, arguments->keys_only);
        (void)fputs("\n", stdout);
    } else {
        de_cli_print_pair(pair, arguments->keys_only);
    }
}

/* Reads page after page; *total counts keys. */
static int each_page(const struct de_cli_arguments *arguments, struct dengine_client *client,
                     struct dengine_scan *scan, uint64_t *total)
{
    struct dengine_page page = {0};
    bool more = true;
    int err = 0;

    while (more) {
        struct dengine_page next;
        size_t i;

        scan->limit = (uint32_t)(arguments->limit == 0 ? 0 : arguments->limit - *total);
        err = dengine_scan(client, scan, NULL, &next);
        dengine_page_free(&page); /* scan borrowed its last key */
        if (err != 0) {
            return err;
        }
        page = next;
        *total += page.total;
        for (i = 0; i < page.count && !arguments->count_only; i++) {
            print_pair(arguments, &page.pairs[i]);
        }
        more =
            dengine_scan_next(scan, &page) && (arguments->limit == 0 || *total < arguments->limit);
    }
    dengine_page_free(&page);
    return 0;
}

int de_cli_scan(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const struct dengine_slice prefix = dengine_str(arguments->operand[0]);
    struct dengine_scan scan = {.from = prefix,
                                .reverse = arguments->reverse,
                                .keys_only = arguments->keys_only,
                                .count_only = arguments->count_only,
                                .consistency = arguments->consistency};
    uint8_t *end = malloc(prefix.size + 1);
    uint64_t total = 0;
    int err;

    DE_ASSERT(!arguments->count_only || arguments->limit == 0);
    if (end == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    scan.end = dengine_prefix_end(prefix, end);
    err = each_page(arguments, client, &scan, &total);
    if (err == 0 && arguments->count_only) {
        (void)printf(arguments->json ? "{\"count\":%llu}\n" : "%llu\n", (unsigned long long)total);
    }
    free(end);
    return err;
}
