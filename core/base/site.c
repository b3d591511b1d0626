#include "core/base/site.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/base/sometimes.h"

static const struct {
    const char *text;
    const char *what;
} sites_known[] = {
#define ROW(name, text, what) {text, what},
    DE_SITE_MAP(ROW)
#undef ROW
};

void de_sites_init(struct de_sites *sites, uint64_t seed)
{
    DE_ASSERT(sites != NULL);
    memset(sites, 0, sizeof(*sites));
    sites->seed = seed;
    DE_ASSERT(sites->ppm[0] == 0);
}

/* A mark for each (sometimes.h): so a campaign says which were never taken. */
static void mark(enum de_site_id site)
{
    DE_ASSERT(site < DE_SITES);
    switch (site) {
#define CASE(name, text, what)                                                                     \
    case DE_SITE_##name:                                                                           \
        DE_SOMETIMES(true, "site " text ": " what);                                                \
        break;
        DE_SITE_MAP(CASE)
#undef CASE
    case DE_SITES:
        break;
    }
}

bool de_site_draw(struct de_sites *sites, enum de_site_id site)
{
    uint64_t number;

    DE_ASSERT(site < DE_SITES);
    DE_ASSERT(sites->ppm[site] > 0 && sites->ppm[site] <= DE_SITE_CERTAIN_PPM);
    number = de_mix64(sites->seed ^ de_mix64((uint64_t)site << 48 ^ sites->asked[site]++));
    if (number % DE_SITE_CERTAIN_PPM >= sites->ppm[site]) {
        return false;
    }
    sites->taken[site]++;
    mark(site);
    return true;
}

const char *de_site_text(enum de_site_id site)
{
    DE_ASSERT(site < DE_SITES);
    return sites_known[site].text;
}

const char *de_site_what(enum de_site_id site)
{
    DE_ASSERT(site < DE_SITES);
    return sites_known[site].what;
}

enum de_site_id de_site_find(const char *text)
{
    uint32_t site = 0;

    DE_ASSERT(text != NULL);
    while (site < DE_SITES && strcmp(sites_known[site].text, text) != 0) {
        site++;
    }
    return (enum de_site_id)site;
}
