/* Reads of keys and of ranges, in every policy and with every option. */
#include <stdlib.h>

#include "tests/server/meaning.h"

static const enum dengine_consistency policies[] = {DENGINE_DEFAULT, DENGINE_LINEARIZABLE,
                                                    DENGINE_LEASE, DENGINE_EVENTUAL};

static void get(struct de_meaning *m, struct dengine_slice key, enum dengine_consistency policy)
{
    struct dengine_value value;

    de_say(m, dengine_get(m->client, key, policy, NULL, &value), "get %d", (int)policy);
    de_say_value(m, &value);
}

static void see_value(void *context, const struct dengine_value *value)
{
    de_say_bytes(context, "in place", dengine_bytes(value->data, value->size));
    de_say_revision(context, "of", value->revision);
}

static void single_keys(struct de_meaning *m)
{
    static char long_key[500];

    for (size_t i = 0; i < 4; i++) {
        get(m, DENGINE_STR("a"), policies[i]);
        get(m, DENGINE_STR("nowhere"), policies[i]);
        de_say(
            m,
            dengine_get_in_place(m->client, DENGINE_STR("empty"), policies[i], NULL, see_value, m),
            "get in place");
        de_say(m,
               dengine_get_in_place(m->client, DENGINE_STR("nowhere"), policies[i], NULL, see_value,
                                    m),
               "get what is not there in place");
    }
    get(m, dengine_bytes("\x00\xff", 2), DENGINE_LINEARIZABLE);
    get(m, DENGINE_STR("large"), DENGINE_LINEARIZABLE);
    /* No put may have a key so long now, but it might have been allowed once. */
    get(m, dengine_bytes(long_key, sizeof long_key), DENGINE_LINEARIZABLE);
}

static void get_several(struct de_meaning *m)
{
    const struct dengine_slice keys[] = {DENGINE_STR("swap"), DENGINE_STR("nowhere"),
                                         DENGINE_STR("a"), DENGINE_STR("life"), DENGINE_STR("a")};
    struct dengine_page page;

    for (size_t i = 0; i < 4; i++) {
        de_say(m, dengine_get_multi(m->client, keys, 5, policies[i], NULL, &page), "get several");
        de_say_page(m, &page);
    }
    de_say(m, dengine_get_multi(m->client, keys + 1, 1, DENGINE_LEASE, NULL, &page),
           "get several that are not there");
    de_say_page(m, &page);
    de_say(m, dengine_get_multi(m->client, NULL, 0, DENGINE_LEASE, NULL, &page), "get none");
    de_say_page(m, &page);
}

/* All pages of a scan. */
static void scan(struct de_meaning *m, const char *what, struct dengine_scan scan)
{
    struct dengine_page last = {0};
    struct dengine_page page;
    bool more = true;

    while (more) {
        const int err = dengine_scan(m->client, &scan, NULL, &page);
        /* What is behind this page is described by its bytes. */
        struct dengine_page kept = page;

        de_say(m, err, "scan %s", what);
        more = err == 0 && dengine_scan_next(&scan, &page);
        if (err == 0) {
            (void)fprintf(m->out, "  %zu pairs, total %llu%s\n", page.count,
                          (unsigned long long)page.total, page.more ? ", more" : "");
            for (size_t i = 0; i < page.count; i++) {
                if (i < 6 || i + 1 == page.count) {
                    de_say_pair(m, &page.pairs[i]);
                }
            }
            de_say_as_of(m, page.revision);
        }
        dengine_page_free(&last);
        last = kept;
    }
    dengine_page_free(&last);
}

static void scans(struct de_meaning *m)
{
    const struct dengine_slice from = DENGINE_STR("life");
    const struct dengine_slice end = DENGINE_STR("life3");

    for (size_t i = 0; i < 4; i++) {
        scan(m, "a range",
             (struct dengine_scan){.from = from, .end = end, .consistency = policies[i]});
    }
    scan(m, "all", (struct dengine_scan){.keys_only = true});
    scan(m, "all backwards", (struct dengine_scan){.keys_only = true, .reverse = true});
    scan(m, "from the end of a range to its beginning",
         (struct dengine_scan){.from = from, .end = end, .reverse = true});
    scan(m, "without its first",
         (struct dengine_scan){.from = from, .from_excluded = true, .end = DENGINE_STR("m")});
    scan(m, "from no key, without it",
         (struct dengine_scan){.from_excluded = true, .end = DENGINE_STR("b")});
    scan(m, "two at a time",
         (struct dengine_scan){.from = from, .end = DENGINE_STR("many00002"), .limit = 2});
    scan(m, "two at a time, backwards",
         (struct dengine_scan){
             .from = from, .end = DENGINE_STR("many00002"), .limit = 2, .reverse = true});
    scan(m, "how many", (struct dengine_scan){.from = DENGINE_STR("many"), .count_only = true});
    scan(m, "how many backwards",
         (struct dengine_scan){.from = DENGINE_STR("many"), .count_only = true, .reverse = true});
    scan(m, "nothing", (struct dengine_scan){.from = DENGINE_STR("n"), .end = DENGINE_STR("o")});
    scan(m, "large values",
         (struct dengine_scan){.from = DENGINE_STR("a"), .end = DENGINE_STR("life2")});
}

struct showing {
    struct de_meaning *m;
    int left;
};

static bool see_pair(void *context, const struct dengine_pair *pair)
{
    struct showing *showing = context;

    de_say_pair(showing->m, pair);
    return --showing->left > 0;
}

static void scans_in_place(struct de_meaning *m)
{
    struct showing showing = {m, 3};

    for (size_t i = 0; i < 4; i++) {
        const struct dengine_scan three = {.from = DENGINE_STR("life"), .consistency = policies[i]};

        showing.left = 3;
        de_say(m, dengine_scan_in_place(m->client, &three, NULL, see_pair, &showing),
               "until that was enough");
    }
    showing.left = 100;
    de_say(m,
           dengine_scan_in_place(m->client,
                                 &(struct dengine_scan){.from = DENGINE_STR("many"), .limit = 2},
                                 NULL, see_pair, &showing),
           "up to a limit");
    de_say(m,
           dengine_scan_in_place(m->client,
                                 &(struct dengine_scan){.from = DENGINE_STR("life"),
                                                        .end = DENGINE_STR("life9"),
                                                        .from_excluded = true,
                                                        .reverse = true,
                                                        .keys_only = true},
                                 NULL, see_pair, &showing),
           "keys backwards in place");
}

void de_meaning_reads(struct de_meaning *m)
{
    single_keys(m);
    get_several(m);
    scans(m);
    scans_in_place(m);
}
