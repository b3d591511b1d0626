#include "client/alarms.h"

#include "core/base/assert.h"

/* Makes the later one of two the first child of the earlier. */
static struct de_alarm *meld(struct de_alarm *a, struct de_alarm *b)
{
    struct de_alarm *parent;
    struct de_alarm *child;

    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    DE_ASSERT(a->next == NULL && b->next == NULL);
    parent = b->at_ns < a->at_ns ? b : a;
    child = parent == a ? b : a;
    child->previous = parent;
    child->next = parent->child;
    if (child->next != NULL) {
        child->next->previous = child;
    }
    parent->child = child;
    return parent;
}

static struct de_alarm *take_off(struct de_alarm **list)
{
    struct de_alarm *alarm = *list;

    if (alarm != NULL) {
        *list = alarm->next;
        alarm->next = NULL;
        alarm->previous = NULL;
    }
    return alarm;
}

/* One heap of a list of them: first by pairs, then, from the last pair on, all into one. */
static struct de_alarm *meld_all(struct de_alarm *list)
{
    struct de_alarm *pairs = NULL; /* the last one first */
    struct de_alarm *all = NULL;

    while (list != NULL) {
        struct de_alarm *first = take_off(&list);
        struct de_alarm *pair = meld(first, take_off(&list));

        DE_ASSERT(pair != NULL);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs != NULL) {
        all = meld(all, take_off(&pairs));
    }
    return all;
}

void de_alarms_set(struct de_alarms *alarms, struct de_alarm *alarm, uint64_t at_ns)
{
    de_alarms_clear(alarms, alarm);
    *alarm = (struct de_alarm){.at_ns = at_ns, .set = true};
    alarms->earliest = meld(alarms->earliest, alarm);
    DE_ASSERT(alarms->earliest->at_ns <= at_ns && alarms->earliest->previous == NULL);
}

void de_alarms_clear(struct de_alarms *alarms, struct de_alarm *alarm)
{
    if (!alarm->set) {
        return;
    }
    DE_ASSERT((alarm->previous == NULL) == (alarms->earliest == alarm));
    if (alarm->previous == NULL) {
        alarms->earliest = meld_all(alarm->child);
    } else {
        if (alarm->previous->child == alarm) {
            alarm->previous->child = alarm->next;
        } else {
            alarm->previous->next = alarm->next;
        }
        if (alarm->next != NULL) {
            alarm->next->previous = alarm->previous;
        }
        alarms->earliest = meld(alarms->earliest, meld_all(alarm->child));
    }
    *alarm = (struct de_alarm){0};
}
