#include "proto/error_codes.h"

#include "d_engine/error.pb-c.h"

#define CODE(name) D_ENGINE__ERROR__ERROR_CODE__##name

int32_t de_wire_code_of_error(int err, bool write)
{
    if (err == 0) {
        return CODE(SUCCESS);
    }
    if (err == DENGINE_E_STALE) {
        return CODE(STALE_SEQUENCE);
    }
    if (write && dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        return CODE(PROPOSE_FAILED);
    }
    switch (err) {
    case DENGINE_E_INVALID:
    case DENGINE_E_TOO_LARGE:
        return CODE(INVALID_REQUEST);
    case DENGINE_E_BUSY:
    case DENGINE_E_NO_MEMORY:
        return CODE(RATE_LIMITED);
    case DENGINE_E_NOT_LEADER:
    case DENGINE_E_SUPERSEDED: /* another leader overwrote it: ask that one */
        return CODE(NOT_LEADER);
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_UNAVAILABLE:
    case DENGINE_E_SHUTDOWN:
    case DENGINE_E_HALTED:
    case DENGINE_E_TIMEOUT:
        return CODE(CLUSTER_UNAVAILABLE);
    case DENGINE_E_UNKNOWN:
        return CODE(PROPOSE_FAILED);
    case DENGINE_E_NO_SPACE:
        return CODE(DISK_FULL);
    case DENGINE_E_CORRUPT:
        return CODE(DATA_CORRUPTION);
    case DENGINE_E_IO:
        return CODE(STORAGE_IO_ERROR);
    case DENGINE_E_PERMISSION:
    case DENGINE_E_READ_ONLY:
        return CODE(STORAGE_PERMISSION_DENIED);
    case DENGINE_E_NOT_FOUND:
        return CODE(KEY_NOT_EXIST);
    case DENGINE_E_NO_LEASE:
        return CODE(LEASE_NOT_FOUND);
    case DENGINE_E_NO_SESSION:
        return CODE(SESSION_NOT_FOUND);
    case DENGINE_E_VERSION:
        return CODE(VERSION_MISMATCH);
    default:
        return CODE(GENERAL);
    }
}

int de_error_of_wire_code(int32_t code)
{
    switch (code) {
    case CODE(SUCCESS):
        return 0;
    case CODE(NOT_LEADER):
        return DENGINE_E_NOT_LEADER;
    case CODE(INVALID_REQUEST):
        return DENGINE_E_INVALID;
    case CODE(RATE_LIMITED):
    case CODE(RETRY_REQUIRED):
        return DENGINE_E_BUSY;
    case CODE(CLUSTER_UNAVAILABLE):
        return DENGINE_E_NO_LEADER;
    case CODE(PROPOSE_FAILED):
        return DENGINE_E_UNKNOWN;
    case CODE(LEASE_NOT_FOUND):
        return DENGINE_E_NO_LEASE;
    case CODE(SESSION_NOT_FOUND):
        return DENGINE_E_NO_SESSION;
    case CODE(STALE_SEQUENCE):
        return DENGINE_E_STALE;
    case CODE(DISK_FULL):
        return DENGINE_E_NO_SPACE;
    case CODE(DATA_CORRUPTION):
        return DENGINE_E_CORRUPT;
    case CODE(STORAGE_IO_ERROR):
        return DENGINE_E_IO;
    case CODE(STORAGE_PERMISSION_DENIED):
        return DENGINE_E_PERMISSION;
    case CODE(KEY_NOT_EXIST):
        return DENGINE_E_NOT_FOUND;
    case CODE(VERSION_MISMATCH):
        return DENGINE_E_VERSION;
    default:
        return DENGINE_E_INTERNAL;
    }
}
