/* engine/config_keys.h - every setting of an engine: one table.
 *
 * Names follow d-engine where it has the setting. Only settings that have an effect are here.
 *
 * X(ID, section, key, type, unit, least, greatest, default, help). The value of a TEXT or CHOICE is
 * kept as it is, a NUMBER's least and greatest are inclusive, a CHOICE's allowed values stand in
 * unit, separated by bars. */
#ifndef DE_ENGINE_CONFIG_KEYS_H
#define DE_ENGINE_CONFIG_KEYS_H

#define DE_CONFIG_KEYS(X)                                                                          \
    X(NODE_ID, "cluster", "node_id", NUMBER, "", 1, 4294967295, "1",                               \
      "this node's id, unique in the cluster and never used again")                                \
    X(CLUSTER_NAME, "cluster", "name", TEXT, "", 0, 64, "dengine",                                 \
      "told apart clusters that have the same addresses; fixed for the life of the cluster")       \
    X(LISTEN_ADDRESS, "cluster", "listen_address", TEXT, "host:port", 0, 255, "",                  \
      "where peers and clients are served; default: this node's address in initial_cluster")       \
    X(ADVERTISE_ADDRESS, "cluster", "advertise_address", TEXT, "host:port", 0, 255, "",            \
      "what clients are told to dial; default: this node's address in initial_cluster")            \
    X(INITIAL_CLUSTER, "cluster", "initial_cluster", LIST, "id=host:port", 0, 4096, "",            \
      "all members with the addresses at which they reach each other; empty: a cluster of one")    \
    X(JOIN, "cluster", "join", LIST, "host:port", 0, 4096, "",                                     \
      "servers of the cluster that a node with an empty directory joins, as a learner")            \
    X(DB_ROOT_DIR, "cluster", "db_root_dir", TEXT, "path", 0, 4000, "",                            \
      "the data directory; has no default")                                                        \
    X(ELECTION_TIMEOUT_MIN, "raft.election", "election_timeout_min", NUMBER, "ms", 20, 600000,     \
      "500", "a follower waits at least this long for its leader; no effect in a cluster of one")  \
    X(ELECTION_TIMEOUT_MAX, "raft.election", "election_timeout_max", NUMBER, "ms", 20, 600000,     \
      "1000", "and at most this long")                                                             \
    X(HEARTBEAT, "raft.replication", "rpc_append_entries_clock_in_ms", NUMBER, "ms", 5, 300000,    \
      "100", "a leader lets no more time pass between appends; less than half the least timeout")  \
    X(APPEND_ENTRIES_MAX, "raft.replication", "append_entries_max_entries_per_replication",        \
      NUMBER, "entries", 1, 4096, "256", "entries in one append to a follower")                    \
    X(APPEND_BYTES_MAX, "raft.replication", "append_bytes_max", NUMBER, "bytes", 65536, 16777216,  \
      "1048576", "payload in one append to a follower, save that one entry may be longer")         \
    X(APPENDS_IN_FLIGHT_MAX, "raft.replication", "appends_in_flight_max", NUMBER, "", 1, 1024,     \
      "64", "appends sent to a follower and not yet acknowledged")                                 \
    X(BATCH_COMMANDS_MAX, "raft.batching", "max_batch_size", NUMBER, "commands", 1, 65536, "1024", \
      "commands in one log entry")                                                                 \
    X(DEFAULT_POLICY, "raft.read_consistency", "default_policy", CHOICE,                           \
      "LinearizableRead|LeaseRead|EventualConsistency", 0, 0, "LinearizableRead",                  \
      "how reads are served that do not ask for a policy")                                         \
    X(ALLOW_CLIENT_OVERRIDE, "raft.read_consistency", "allow_client_override", CHOICE,             \
      "true|false", 0, 0, "true", "whether a read may ask for another policy")                     \
    X(PERSISTENCE, "raft.persistence", "strategy", CHOICE, "DiskFirst|MemFirst", 0, 0,             \
      "DiskFirst",                                                                                 \
      "DiskFirst: a write is acknowledged when a majority has it on disk; MemFirst: in memory")    \
    X(FLUSH_INTERVAL, "raft.persistence", "flush_policy_interval_ms", NUMBER, "ms", 1, 60000,      \
      "10", "MemFirst: what is in memory only is on disk so soon after")                           \
    X(FLUSH_BYTES, "raft.persistence", "flush_policy_bytes", NUMBER, "bytes", 4096, 67108864,      \
      "1048576", "MemFirst: no more than this is in memory only")                                  \
    X(SNAPSHOT_LOG_BYTES, "raft.snapshot", "log_bytes_before_snapshot", NUMBER, "bytes", 4096,     \
      1099511627776, "67108864",                                                                   \
      "a snapshot is taken when the log has grown by this, and by half of the last snapshot")      \
    X(RETAINED_LOG_ENTRIES, "raft.snapshot", "retained_log_entries", NUMBER, "entries", 0,         \
      100000000, "4096", "entries kept before a snapshot, to feed members that are a little slow") \
    X(SNAPSHOT_CHUNK_SIZE, "raft.snapshot", "chunk_size", NUMBER, "bytes", 4096, 1048576,          \
      "262144", "bytes of a snapshot in one message to a member")                                  \
    X(SNAPSHOT_BANDWIDTH, "raft.snapshot", "max_bandwidth_mbps", NUMBER, "megabits/s", 0, 1000000, \
      "0", "snapshots are sent to members no faster, all together; 0: no limit")                   \
    X(WATCH_EVENTS, "raft.watch", "event_queue_size", NUMBER, "events", 0, 10000000, "65536",      \
      "recent changes remembered, so that a watch may begin in the past")                          \
    X(WATCH_BYTES, "raft.watch", "event_bytes_max", NUMBER, "bytes", 0, 4294967296, "16777216",    \
      "and what they take at most")                                                                \
    X(WATCHER_BUFFER, "raft.watch", "watcher_buffer_size", NUMBER, "events", 1, 1000000, "1024",   \
      "changes that wait for one watcher; one that is slower is canceled, and told from where on") \
    X(WATCHERS_MAX, "raft.watch", "max_watchers", NUMBER, "", 0, 1000000, "10000",                 \
      "watchers on this node; more are refused as busy")                                           \
    X(PENDING_REQUESTS_MAX, "raft.backpressure", "max_pending_requests", NUMBER, "requests", 1,    \
      1000000, "65536", "requests not yet answered; more are refused as busy")                     \
    X(PENDING_BYTES_MAX, "raft.backpressure", "max_pending_bytes", NUMBER, "bytes", 1048576,       \
      4294967296, "67108864", "bytes of writes not yet answered; more are refused as busy")        \
    X(PROMETHEUS_ENABLED, "monitoring", "prometheus_enabled", CHOICE, "true|false", 0, 0, "false", \
      "whether dengine-server serves its metrics over HTTP")                                       \
    X(PROMETHEUS_ADDRESS, "monitoring", "prometheus_address", TEXT, "host", 1, 255, "127.0.0.1",   \
      "and where: an address that only operators reach, for it asks for no password")              \
    X(PROMETHEUS_PORT, "monitoring", "prometheus_port", NUMBER, "", 0, 65535, "8080",              \
      "0: any free one, which the log says")                                                       \
    X(LOG_STORE, "storage", "log_store", CHOICE, "wal|lmdb", 0, 0, "wal",                          \
      "where the log is kept: segment files, or LMDB, which syncs twice for each write")           \
    X(WAL_SEGMENT_BYTES, "storage", "wal_segment_bytes", NUMBER, "bytes", 16777216, 1073741824,    \
      "67108864", "size of one file of the log; a multiple of 4096")                               \
    X(MAP_BYTES, "storage", "lmdb_map_bytes", NUMBER, "bytes", 16777216, 17592186044416,           \
      "68719476736", "address space for the state at first; doubled when it is half used")         \
    X(READERS_MAX, "storage", "lmdb_readers_max", NUMBER, "", 8, 65536, "256",                     \
      "reads of the state at one time, by all threads; more are refused as busy")                  \
    X(KEY_BYTES_MAX, "limits", "key_bytes_max", NUMBER, "bytes", 1, 500, "500",                    \
      "the longest key that may be put on this node")                                              \
    X(LEASES_MAX, "limits", "leases_max", NUMBER, "", 1, 1000000, "1000000",                       \
      "leases in the cluster, with sessions and keys that end; more are refused as busy here")     \
    X(SESSIONS_MAX, "limits", "sessions_max", NUMBER, "", 1, 1000000, "100000",                    \
      "those of them that are sessions; more are refused as busy here")                            \
    X(VALUE_BYTES_MAX, "limits", "value_bytes_max", NUMBER, "bytes", 1, 16777216, "1048576",       \
      "the longest value; the same on all members")                                                \
    X(REQUEST_TIMEOUT, "limits", "request_timeout_ms", NUMBER, "ms", 1, 86400000, "5000",          \
      "the deadline of a call that names none")

#endif
