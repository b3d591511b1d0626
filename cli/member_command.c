#include "cli/member_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/cluster.h>

#include "client/json_text.h"
#include "core/base/assert.h"

static const char *kind_name(enum dengine_member_kind kind)
{
    switch (kind) {
    case DENGINE_MEMBER_VOTER:
        return "voter";
    case DENGINE_MEMBER_LEARNER:
        return "learner";
    case DENGINE_MEMBER_READ_ONLY:
        return "read-only";
    case DENGINE_MEMBER_LEAVING:
        return "leaving";
    }
    return "unknown";
}

/* The leader knows how far the others have got, so it is the one to ask when it can be. */
static int look(struct dengine_client *client, struct dengine_cluster_status *status)
{
    int err = dengine_cluster_status(client, NULL, status);

    for (uint32_t i = 0; err == 0 && i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];
        struct dengine_cluster_status of_leader;
        struct dengine_client *leader;

        if (!member->leader || member->match_index != 0 ||
            dengine_connect(member->address, NULL, &leader) != 0) {
            continue;
        }
        if (dengine_cluster_status(leader, NULL, &of_leader) == 0 &&
            of_leader.version >= status->version) {
            *status = of_leader;
        }
        dengine_disconnect(leader);
        break;
    }
    return err;
}

static void print_json(const struct dengine_cluster_status *status)
{
    (void)printf("{\"cluster_id\":\"%016llx\",\"version\":%llu,\"changing\":%s,"
                 "\"commit_index\":%llu,\"members\":[",
                 (unsigned long long)status->cluster_id, (unsigned long long)status->version,
                 status->changing ? "true" : "false", (unsigned long long)status->commit_index);
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];

        (void)printf("%s{\"id\":%llu,\"kind\":\"%s\",\"leader\":%s,", i > 0 ? "," : "",
                     (unsigned long long)member->id, kind_name(member->kind),
                     member->leader ? "true" : "false");
        de_json_put_bytes(stdout, "peer_address", dengine_str(member->peer_address));
        (void)fputs(",", stdout);
        de_json_put_bytes(stdout, "client_address", dengine_str(member->address));
        (void)printf(",\"match_index\":%llu}", (unsigned long long)member->match_index);
    }
    (void)fputs("]}\n", stdout);
}

/* Only the leader knows how far the others are; then 0 is what has not been heard of since. */
static bool is_of_leader(const struct dengine_cluster_status *status)
{
    for (uint32_t i = 0; i < status->member_count; i++) {
        if (status->members[i].leader && status->members[i].match_index != 0) {
            return true;
        }
    }
    return false;
}

static void print_text(const struct dengine_cluster_status *status)
{
    const bool known = is_of_leader(status);

    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];

        (void)printf("%llu %s %s %s", (unsigned long long)member->id, kind_name(member->kind),
                     member->peer_address[0] != '\0' ? member->peer_address : "-",
                     member->address[0] != '\0' ? member->address : "-");
        if (member->leader) {
            (void)fputs(" leader", stdout);
        } else if (known && member->match_index < status->commit_index) {
            (void)printf(" behind by %llu",
                         (unsigned long long)(status->commit_index - member->match_index));
        }
        (void)fputs("\n", stdout);
    }
    if (status->changing) {
        (void)puts("a change is under way");
    }
    if (status->leader == 0) {
        (void)puts("no leader is known");
    }
}

static int list(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct dengine_cluster_status status;
    int err = look(client, &status);

    if (err == 0 && arguments->json) {
        print_json(&status);
    } else if (err == 0) {
        print_text(&status);
    }
    return err;
}

/* Two members with one address are right for a while, when the one takes the place of the other on
 * the same machine. Else one of them was mistyped. */
static void warn_of_twins(struct dengine_client *client, uint64_t id, const char *address)
{
    struct dengine_cluster_status status;

    if (dengine_cluster_status(client, NULL, &status) != 0) {
        return;
    }
    for (uint32_t i = 0; i < status.member_count; i++) {
        const struct dengine_member *member = &status.members[i];

        if (member->id != id && strcmp(member->peer_address, address) == 0) {
            (void)fprintf(stderr,
                          "dengine-cli: note: member %llu is recorded at %s, too; only one of them "
                          "can live there\n",
                          (unsigned long long)member->id, address);
        }
    }
}

int de_cli_member(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    const char *verb = arguments->operand[0];
    const uint64_t id = arguments->ids[0];
    const struct dengine_addresses addresses = {arguments->operand[2], arguments->client_address};
    int err = DENGINE_E_INVALID;

    if (strcmp(verb, "list") == 0) {
        return list(arguments, client);
    }
    if (strcmp(verb, "add") == 0) {
        err = dengine_member_add(client, id, &addresses, arguments->read_only, NULL);
    } else if (strcmp(verb, "promote") == 0) {
        err = dengine_member_promote(client, id, NULL);
    } else if (strcmp(verb, "remove") == 0) {
        err = dengine_member_remove(client, id, NULL);
    } else if (strcmp(verb, "replace") == 0) {
        err = dengine_member_replace(client, id, arguments->ids[1], NULL);
    } else if (strcmp(verb, "move") == 0) {
        err = dengine_member_move(client, id, &addresses, NULL);
    } else {
        DE_ASSERT(strcmp(verb, "voters") == 0);
        err = dengine_member_set_voters(client, arguments->ids, arguments->id_count, NULL);
    }
    if (err == 0 && (strcmp(verb, "add") == 0 || strcmp(verb, "move") == 0)) {
        warn_of_twins(client, id, addresses.peer);
    }
    if (err == 0) {
        (void)puts(arguments->json ? "{\"ok\":true}" : "ok");
    }
    return err;
}

int de_cli_transfer(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    int err = dengine_transfer_leadership(client, arguments->ids[0], NULL);

    if (err == 0) {
        (void)puts(arguments->json ? "{\"ok\":true}" : "ok");
    }
    return err;
}

int de_cli_leader(const struct de_cli_arguments *arguments, struct dengine_client *client,
                  bool *known)
{
    struct dengine_cluster_status status;
    int err = dengine_cluster_status(client, NULL, &status);

    *known = false;
    for (uint32_t i = 0; err == 0 && i < status.member_count; i++) {
        const struct dengine_member *member = &status.members[i];

        if (!member->leader) {
            continue;
        }
        *known = true;
        if (arguments->json) {
            (void)printf("{\"leader\":%llu,", (unsigned long long)member->id);
            de_json_put_bytes(stdout, "address", dengine_str(member->address));
            (void)fputs("}\n", stdout);
        } else {
            (void)printf("%llu %s\n", (unsigned long long)member->id, member->address);
        }
    }
    if (err == 0 && !*known) {
        (void)fputs(arguments->json ? "{\"leader\":null}\n" : "", stdout);
        (void)fputs(arguments->json ? "" : "dengine-cli: no leader is known\n", stderr);
    }
    return err;
}
