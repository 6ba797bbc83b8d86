/* Generated from native/protocol/operations.mjs by native/protocol/generate.mjs. */
#ifndef INBOARD_PROTOCOL_GEN_H
#define INBOARD_PROTOCOL_GEN_H
#include <stdbool.h>
#include <stdint.h>

#define PLAN_MAGIC 0x50424e49u
#define PLAN_FINGERPRINT 0xb1bada10u
#define OPCODE_LAST 124
#define FAULT_LAST 8
#define FRAME_LAST 39

enum {
    MODE_RUN = 0,
    MODE_EXEC = 1,
    MODE_TASK = 2,
};
enum {
    SECTION_PREPARE = 1,
    SECTION_BESIDE = 2,
    SECTION_CONTAINER = 3,
    SECTION_PROBE = 4,
    SECTION_MONITOR = 5,
    SECTION_ENDING = 6,
    SECTION_TEARDOWN = 7,
};
enum {
    LIMIT_PLAN_BYTES = 67108864,
    LIMIT_OPERATIONS = 65536,
    LIMIT_FIELDS = 10,
    LIMIT_SLOTS = 1024,
    LIMIT_CLIENTS = 4096,
};
enum {
    FD_PLAN = 3,
    FD_STATUS = 4,
    FD_LOCK = 5,
    FD_FIRST_SLOT = 6,
};
enum {
    TARGET_NO_SYMLINKS = 1,
    TARGET_CREATE_DIRECTORY = 2,
    TARGET_CREATE_FILE = 4,
    TARGET_OPTIONAL = 8,
};
enum {
    TREE_ATTRIBUTES = 1,
    TREE_PROPAGATION = 2,
    TREE_SHARED_LATER = 4,
};
enum {
    STDIO_NULL = 0,
    STDIO_PIPES = 1,
    STDIO_TTY = 2,
    STDIO_SLOTS = 3,
};
enum {
    STDIO_FLAG_STDIN = 1,
    STDIO_FLAG_ATTACHED = 2,
    STDIO_FLAG_STDIN_ONCE = 4,
    STDIO_FLAG_BACKPRESSURE = 8,
};
enum {
    NETLINK_HOST = 0,
    NETLINK_CONTAINER = 1,
    NETLINK_SLOT = 2,
    NETLINK_FILTER = 3,
};
enum {
    RESTART_NO = 0,
    RESTART_ON_FAILURE = 1,
    RESTART_ALWAYS = 2,
    RESTART_UNLESS_STOPPED = 3,
    RESTART_ONCE = 4,
};
enum {
    LOG_FORMAT_JSON_FILE = 0,
    LOG_FORMAT_LOCAL = 1,
};
enum {
    MOMENT_STARTED = 1,
    MOMENT_DIED = 2,
    MOMENT_OOM = 3,
    MOMENT_PAUSED = 4,
    MOMENT_UNPAUSED = 5,
    MOMENT_PROBE_CREATED = 6,
    MOMENT_PROBE_STARTED = 7,
    MOMENT_PROBE_DIED = 8,
    MOMENT_HEALTH = 9,
};
enum {
    FAULT_NONE = 0,
    FAULT_CONFIRMED = 1,
    FAULT_RUNNING = 2,
    FAULT_ENDED = 3,
    FAULT_RECORDED = 4,
    FAULT_TOLD = 5,
    FAULT_KILLED = 6,
    FAULT_REAPED = 7,
    FAULT_WAITED = 8,
};
enum {
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_SCTP = 132,
};
enum {
    HEALTH_RESULTS = 5,
    HEALTH_OUTPUT_BYTES = 4096,
};
enum {
    OP_SECTION = 1,
    OP_RUN_DIRECTORY = 10,
    OP_EXEC_RECORD = 95,
    OP_MAKE_DIRECTORY = 11,
    OP_WRITE_FILE = 12,
    OP_WRITE_KNOB = 13,
    OP_OPEN_LOG = 14,
    OP_STDIO = 15,
    OP_OOM_COUNTER = 16,
    OP_FREEZER = 47,
    OP_DEVICE_FILTER = 46,
    OP_CLONE = 17,
    OP_NETWORK_NAMESPACE = 18,
    OP_NETLINK = 61,
    OP_PORT = 62,
    OP_RELAY = 63,
    OP_RESOLVER = 64,
    OP_NAMES_ADD = 65,
    OP_NAMES_REMOVE = 66,
    OP_NETWORK_END = 67,
    OP_RELEASE = 19,
    OP_CGROUP_JOIN = 20,
    OP_UNSHARE = 21,
    OP_SETNS = 22,
    OP_ROOT_PROPAGATION = 23,
    OP_TREE_OPEN = 24,
    OP_TREE_TAKE = 48,
    OP_ROOT_MOUNT = 25,
    OP_PIVOT_ROOT = 26,
    OP_MOUNT = 30,
    OP_TREE_ATTACH = 31,
    OP_TREE_SHARE = 32,
    OP_DEVICE_NODE = 33,
    OP_SYMLINK = 34,
    OP_MASK = 35,
    OP_READ_ONLY = 36,
    OP_REMOUNT = 37,
    OP_SYSCTL = 38,
    OP_HOSTNAME = 39,
    OP_DOMAINNAME = 40,
    OP_CONSOLE = 42,
    OP_NETWORK_JOIN = 44,
    OP_AWAIT_RELEASE = 45,
    OP_LEND_ROOT = 94,
    OP_RLIMIT = 50,
    OP_OOM_SCORE_ADJ = 51,
    OP_SESSION_KEYRING = 52,
    OP_NO_NEW_PRIVILEGES = 53,
    OP_SECCOMP = 54,
    OP_CAPABILITY_BOUNDS = 55,
    OP_USER = 56,
    OP_CAPABILITIES = 57,
    OP_WORKING_DIRECTORY = 58,
    OP_UMASK = 59,
    OP_EXECUTE = 60,
    OP_TITLE = 70,
    OP_RESTART_POLICY = 71,
    OP_HEALTH = 72,
    OP_JOURNAL = 73,
    OP_EVENT = 74,
    OP_JOIN_PROGRAM = 75,
    OP_OWN_CGROUP = 76,
    OP_LIFELINE = 77,
    OP_CHANGE_OWNER = 78,
    OP_CGROUP_KILL = 80,
    OP_CGROUP_REMOVE = 81,
    OP_REMOVE_TREE = 82,
    OP_CGROUP_LEAVE = 84,
    OP_REMOVE_FILE = 83,
    OP_NAME_LOCK = 120,
    OP_AWAIT_END = 110,
    OP_TELL = 111,
    OP_CLAIM_RUN = 112,
    OP_UNDO_RUN = 113,
    OP_UNMOUNT = 114,
    OP_REMOVE_MATCHING = 115,
    OP_REMOVE_FREE_LOCKS = 121,
    OP_REMOVE_IDLE_RUNS = 122,
    OP_GUARD_LOCK = 116,
    OP_GUARD_EMPTY = 117,
    OP_GUARD_TEXT = 118,
    OP_GUARD_TABLES = 119,
    OP_GUARD_LINK = 123,
    OP_GUARD_PORTS = 124,
};
enum {
    FRAME_HELLO = 1,
    FRAME_STARTED = 2,
    FRAME_FAILED = 3,
    FRAME_STDOUT = 4,
    FRAME_STDERR = 5,
    FRAME_EXITED = 6,
    FRAME_TORNDOWN = 7,
    FRAME_ATTACHED = 8,
    FRAME_COMPLETED = 9,
    FRAME_FROZEN = 10,
    FRAME_RESTARTING = 12,
    FRAME_DONE = 13,
    FRAME_HEALTH = 14,
    FRAME_RESOLVING = 11,
    FRAME_ATTACH = 32,
    FRAME_STDIN = 33,
    FRAME_STDIN_END = 34,
    FRAME_RESIZE = 35,
    FRAME_SIGNAL = 36,
    FRAME_RESOLVE = 38,
    FRAME_POLICY = 39,
    FRAME_FREEZE = 37,
};

/* bytes and list fields, in place in the plan; count is 0 for bytes. */
struct blob {
    uint32_t length;
    uint32_t count;
    char data[];
};

struct op_section {
    uint64_t kind;
};

struct op_run_directory {
    const char *path;
};

struct op_exec_record {
    const char *directory;
    const char *socket;
};

struct op_make_directory {
    const char *path;
    uint64_t mode;
    uint64_t exist_ok;
};

struct op_write_file {
    const char *path;
    uint64_t mode;
    const struct blob *data;
};

struct op_write_knob {
    const char *path;
    const char *value;
    uint64_t optional;
};

struct op_open_log {
    const char *path;
    uint64_t mode;
    uint64_t format;
    uint64_t maximum_bytes;
    uint64_t files;
    uint64_t compress;
    const char *attributes;
};

struct op_stdio {
    uint64_t kind;
    uint64_t flags;
    uint64_t rows;
    uint64_t columns;
    uint64_t slot_in;
    uint64_t slot_out;
    uint64_t slot_err;
};

struct op_oom_counter {
    const char *path;
};

struct op_freezer {
    const char *path;
    const char *frozen;
    const char *thawed;
};

struct op_device_filter {
    const char *cgroup;
    const struct blob *program;
};

struct op_clone {
    uint64_t flags;
    const char *cgroup;
};

struct op_netlink {
    uint64_t socket;
    uint64_t slot;
    const struct blob *messages;
    const char *link;
    const struct blob *link_at;
    uint64_t namespace_at;
};

struct op_port {
    uint64_t slot;
    uint64_t protocol;
    const struct blob *address;
    uint64_t port;
};

struct op_relay {
    const struct blob *filter;
};

struct op_resolver {
    const char *directory;
    const char *view;
    const struct blob *filter;
    const struct blob *rules;
    const struct blob *udp_at;
    const struct blob *tcp_at;
    uint64_t open;
};

struct op_names_add {
    const char *path;
    const char *header;
    const char *id;
    const char *line;
};

struct op_names_remove {
    const char *directory;
    const char *view;
    const char *id;
};

struct op_cgroup_join {
    const char *path;
};

struct op_unshare {
    uint64_t flags;
};

struct op_setns {
    uint64_t slot;
    uint64_t flags;
};

struct op_root_propagation {
    uint64_t flags;
};

struct op_tree_open {
    uint64_t slot;
    const char *path;
    const char *below;
    uint64_t recursive;
};

struct op_tree_take {
    uint64_t slot;
    uint64_t slot_owner;
    const char *path;
};

struct op_root_mount {
    const char *directory;
    const char *source;
    const char *target;
    const char *fstype;
    uint64_t flags;
    const char *data;
};

struct op_pivot_root {
    const char *directory;
};

struct op_mount {
    const char *source;
    const char *target;
    const char *fstype;
    uint64_t flags;
    const char *data;
    uint64_t target_flags;
};

struct op_tree_attach {
    uint64_t slot;
    const char *target;
    uint64_t attr_set;
    uint64_t attr_clear;
    uint64_t propagation;
    uint64_t recursive;
    uint64_t target_flags;
};

struct op_tree_share {
    uint64_t slot;
    uint64_t slot_peer;
};

struct op_device_node {
    const char *path;
    uint64_t mode;
    uint64_t device;
    uint64_t uid;
    uint64_t gid;
};

struct op_symlink {
    const char *target;
    const char *path;
};

struct op_mask {
    const char *path;
};

struct op_read_only {
    const char *path;
};

struct op_remount {
    const char *target;
    uint64_t flags;
};

struct op_sysctl {
    const char *name;
    const char *value;
};

struct op_hostname {
    const char *name;
};

struct op_domainname {
    const char *name;
};

struct op_console {
    uint64_t uid;
    uint64_t bind;
};

struct op_rlimit {
    uint64_t resource;
    uint64_t soft;
    uint64_t hard;
};

struct op_oom_score_adj {
    uint64_t value;
    uint64_t optional;
};

struct op_session_keyring {
    const char *name;
};

struct op_seccomp {
    uint64_t flags;
    const struct blob *filter;
};

struct op_capability_bounds {
    uint64_t bounding;
};

struct op_user {
    uint64_t uid;
    uint64_t gid;
    const struct blob *groups;
};

struct op_capabilities {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
    uint64_t ambient;
};

struct op_working_directory {
    const char *path;
    uint64_t create;
    uint64_t uid;
    uint64_t gid;
};

struct op_umask {
    uint64_t mask;
};

struct op_execute {
    const char *file;
    const char *path;
    const struct blob *argv;
    const struct blob *envp;
};

struct op_title {
    const char *text;
};

struct op_restart_policy {
    uint64_t policy;
    uint64_t maximum;
};

struct op_health {
    uint64_t interval;
    uint64_t timeout;
    uint64_t start_period;
    uint64_t start_interval;
    uint64_t retries;
    const char *expired;
    const char *cgroup;
};

struct op_journal {
    const char *path;
    const char *lock;
    uint64_t maximum_bytes;
    uint64_t files;
};

struct op_event {
    uint64_t moment;
    const char *text;
};

struct op_join_program {
    uint64_t flags;
};

struct op_own_cgroup {
    const char *path;
    uint64_t session;
};

struct op_change_owner {
    const char *path;
    uint64_t uid;
    uint64_t gid;
};

struct op_cgroup_kill {
    const char *path;
};

struct op_cgroup_remove {
    const char *path;
};

struct op_remove_tree {
    const char *path;
};

struct op_cgroup_leave {
    const char *path;
};

struct op_remove_file {
    const char *path;
};

struct op_name_lock {
    const char *path;
};

struct op_await_end {
    const char *directory;
};

struct op_tell {
    const char *path;
    const struct blob *frame;
};

struct op_claim_run {
    const char *path;
    const struct blob *frame;
    uint64_t patience;
    uint64_t skip;
};

struct op_undo_run {
    const char *path;
    uint64_t skip;
};

struct op_unmount {
    const char *path;
};

struct op_remove_matching {
    const char *directory;
    const char *prefix;
    const char *suffix;
};

struct op_remove_free_locks {
    const char *directory;
};

struct op_remove_idle_runs {
    const char *directory;
};

struct op_guard_lock {
    const char *path;
    uint64_t patience;
    uint64_t skip;
};

struct op_guard_empty {
    const char *directory;
    uint64_t patience;
    uint64_t skip;
};

struct op_guard_text {
    const char *path;
    const char *text;
    uint64_t skip;
};

struct op_guard_tables {
    const char *prefix;
    const char *own;
    uint64_t skip;
};

struct op_guard_link {
    const char *name;
    uint64_t group;
    uint64_t skip;
};

struct op_guard_ports {
    const char *bridge;
    uint64_t patience;
    uint64_t skip;
};

union op_fields {
    uint64_t raw[LIMIT_FIELDS];
    struct op_section section;
    struct op_run_directory run_directory;
    struct op_exec_record exec_record;
    struct op_make_directory make_directory;
    struct op_write_file write_file;
    struct op_write_knob write_knob;
    struct op_open_log open_log;
    struct op_stdio stdio;
    struct op_oom_counter oom_counter;
    struct op_freezer freezer;
    struct op_device_filter device_filter;
    struct op_clone clone;
    struct op_netlink netlink;
    struct op_port port;
    struct op_relay relay;
    struct op_resolver resolver;
    struct op_names_add names_add;
    struct op_names_remove names_remove;
    struct op_cgroup_join cgroup_join;
    struct op_unshare unshare;
    struct op_setns setns;
    struct op_root_propagation root_propagation;
    struct op_tree_open tree_open;
    struct op_tree_take tree_take;
    struct op_root_mount root_mount;
    struct op_pivot_root pivot_root;
    struct op_mount mount;
    struct op_tree_attach tree_attach;
    struct op_tree_share tree_share;
    struct op_device_node device_node;
    struct op_symlink symlink;
    struct op_mask mask;
    struct op_read_only read_only;
    struct op_remount remount;
    struct op_sysctl sysctl;
    struct op_hostname hostname;
    struct op_domainname domainname;
    struct op_console console;
    struct op_rlimit rlimit;
    struct op_oom_score_adj oom_score_adj;
    struct op_session_keyring session_keyring;
    struct op_seccomp seccomp;
    struct op_capability_bounds capability_bounds;
    struct op_user user;
    struct op_capabilities capabilities;
    struct op_working_directory working_directory;
    struct op_umask umask;
    struct op_execute execute;
    struct op_title title;
    struct op_restart_policy restart_policy;
    struct op_health health;
    struct op_journal journal;
    struct op_event event;
    struct op_join_program join_program;
    struct op_own_cgroup own_cgroup;
    struct op_change_owner change_owner;
    struct op_cgroup_kill cgroup_kill;
    struct op_cgroup_remove cgroup_remove;
    struct op_remove_tree remove_tree;
    struct op_cgroup_leave cgroup_leave;
    struct op_remove_file remove_file;
    struct op_name_lock name_lock;
    struct op_await_end await_end;
    struct op_tell tell;
    struct op_claim_run claim_run;
    struct op_undo_run undo_run;
    struct op_unmount unmount;
    struct op_remove_matching remove_matching;
    struct op_remove_free_locks remove_free_locks;
    struct op_remove_idle_runs remove_idle_runs;
    struct op_guard_lock guard_lock;
    struct op_guard_empty guard_empty;
    struct op_guard_text guard_text;
    struct op_guard_tables guard_tables;
    struct op_guard_link guard_link;
    struct op_guard_ports guard_ports;
};

enum field_kind { FIELD_U64, FIELD_SLOT, FIELD_STR, FIELD_BYTES, FIELD_LIST };

struct op_schema {
    const char *name;
    uint8_t sections; /* bit n: allowed in section n */
    bool again;       /* executed at each start of the program within a run */
    uint8_t fields;
    int8_t subject; /* the field that a failure is about, or -1 */
    uint8_t kinds[LIMIT_FIELDS];
};

/* One handler per operation: 0, or -1 with errno. */
struct supervisor;
int do_run_directory(struct supervisor *s, const struct op_run_directory *op);
int do_exec_record(struct supervisor *s, const struct op_exec_record *op);
int do_make_directory(struct supervisor *s, const struct op_make_directory *op);
int do_write_file(struct supervisor *s, const struct op_write_file *op);
int do_write_knob(struct supervisor *s, const struct op_write_knob *op);
int do_open_log(struct supervisor *s, const struct op_open_log *op);
int do_stdio(struct supervisor *s, const struct op_stdio *op);
int do_oom_counter(struct supervisor *s, const struct op_oom_counter *op);
int do_freezer(struct supervisor *s, const struct op_freezer *op);
int do_device_filter(struct supervisor *s, const struct op_device_filter *op);
int do_clone(struct supervisor *s, const struct op_clone *op);
int do_network_namespace(struct supervisor *s);
int do_netlink(struct supervisor *s, const struct op_netlink *op);
int do_port(struct supervisor *s, const struct op_port *op);
int do_relay(struct supervisor *s, const struct op_relay *op);
int do_resolver(struct supervisor *s, const struct op_resolver *op);
int do_names_add(struct supervisor *s, const struct op_names_add *op);
int do_names_remove(struct supervisor *s, const struct op_names_remove *op);
int do_network_end(struct supervisor *s);
int do_release(struct supervisor *s);
int do_cgroup_join(struct supervisor *s, const struct op_cgroup_join *op);
int do_unshare(struct supervisor *s, const struct op_unshare *op);
int do_setns(struct supervisor *s, const struct op_setns *op);
int do_root_propagation(struct supervisor *s, const struct op_root_propagation *op);
int do_tree_open(struct supervisor *s, const struct op_tree_open *op);
int do_tree_take(struct supervisor *s, const struct op_tree_take *op);
int do_root_mount(struct supervisor *s, const struct op_root_mount *op);
int do_pivot_root(struct supervisor *s, const struct op_pivot_root *op);
int do_mount(struct supervisor *s, const struct op_mount *op);
int do_tree_attach(struct supervisor *s, const struct op_tree_attach *op);
int do_tree_share(struct supervisor *s, const struct op_tree_share *op);
int do_device_node(struct supervisor *s, const struct op_device_node *op);
int do_symlink(struct supervisor *s, const struct op_symlink *op);
int do_mask(struct supervisor *s, const struct op_mask *op);
int do_read_only(struct supervisor *s, const struct op_read_only *op);
int do_remount(struct supervisor *s, const struct op_remount *op);
int do_sysctl(struct supervisor *s, const struct op_sysctl *op);
int do_hostname(struct supervisor *s, const struct op_hostname *op);
int do_domainname(struct supervisor *s, const struct op_domainname *op);
int do_console(struct supervisor *s, const struct op_console *op);
int do_network_join(struct supervisor *s);
int do_await_release(struct supervisor *s);
int do_lend_root(struct supervisor *s);
int do_rlimit(struct supervisor *s, const struct op_rlimit *op);
int do_oom_score_adj(struct supervisor *s, const struct op_oom_score_adj *op);
int do_session_keyring(struct supervisor *s, const struct op_session_keyring *op);
int do_no_new_privileges(struct supervisor *s);
int do_seccomp(struct supervisor *s, const struct op_seccomp *op);
int do_capability_bounds(struct supervisor *s, const struct op_capability_bounds *op);
int do_user(struct supervisor *s, const struct op_user *op);
int do_capabilities(struct supervisor *s, const struct op_capabilities *op);
int do_working_directory(struct supervisor *s, const struct op_working_directory *op);
int do_umask(struct supervisor *s, const struct op_umask *op);
int do_execute(struct supervisor *s, const struct op_execute *op);
int do_title(struct supervisor *s, const struct op_title *op);
int do_restart_policy(struct supervisor *s, const struct op_restart_policy *op);
int do_health(struct supervisor *s, const struct op_health *op);
int do_journal(struct supervisor *s, const struct op_journal *op);
int do_event(struct supervisor *s, const struct op_event *op);
int do_join_program(struct supervisor *s, const struct op_join_program *op);
int do_own_cgroup(struct supervisor *s, const struct op_own_cgroup *op);
int do_lifeline(struct supervisor *s);
int do_change_owner(struct supervisor *s, const struct op_change_owner *op);
int do_cgroup_kill(struct supervisor *s, const struct op_cgroup_kill *op);
int do_cgroup_remove(struct supervisor *s, const struct op_cgroup_remove *op);
int do_remove_tree(struct supervisor *s, const struct op_remove_tree *op);
int do_cgroup_leave(struct supervisor *s, const struct op_cgroup_leave *op);
int do_remove_file(struct supervisor *s, const struct op_remove_file *op);
int do_name_lock(struct supervisor *s, const struct op_name_lock *op);
int do_await_end(struct supervisor *s, const struct op_await_end *op);
int do_tell(struct supervisor *s, const struct op_tell *op);
int do_claim_run(struct supervisor *s, const struct op_claim_run *op);
int do_undo_run(struct supervisor *s, const struct op_undo_run *op);
int do_unmount(struct supervisor *s, const struct op_unmount *op);
int do_remove_matching(struct supervisor *s, const struct op_remove_matching *op);
int do_remove_free_locks(struct supervisor *s, const struct op_remove_free_locks *op);
int do_remove_idle_runs(struct supervisor *s, const struct op_remove_idle_runs *op);
int do_guard_lock(struct supervisor *s, const struct op_guard_lock *op);
int do_guard_empty(struct supervisor *s, const struct op_guard_empty *op);
int do_guard_text(struct supervisor *s, const struct op_guard_text *op);
int do_guard_tables(struct supervisor *s, const struct op_guard_tables *op);
int do_guard_link(struct supervisor *s, const struct op_guard_link *op);
int do_guard_ports(struct supervisor *s, const struct op_guard_ports *op);

#ifdef PROTOCOL_DISPATCH
static inline int dispatch(struct supervisor *supervisor, uint32_t code, const union op_fields *fields) {
    switch (code) {
    case OP_RUN_DIRECTORY: return do_run_directory(supervisor, &fields->run_directory);
    case OP_EXEC_RECORD: return do_exec_record(supervisor, &fields->exec_record);
    case OP_MAKE_DIRECTORY: return do_make_directory(supervisor, &fields->make_directory);
    case OP_WRITE_FILE: return do_write_file(supervisor, &fields->write_file);
    case OP_WRITE_KNOB: return do_write_knob(supervisor, &fields->write_knob);
    case OP_OPEN_LOG: return do_open_log(supervisor, &fields->open_log);
    case OP_STDIO: return do_stdio(supervisor, &fields->stdio);
    case OP_OOM_COUNTER: return do_oom_counter(supervisor, &fields->oom_counter);
    case OP_FREEZER: return do_freezer(supervisor, &fields->freezer);
    case OP_DEVICE_FILTER: return do_device_filter(supervisor, &fields->device_filter);
    case OP_CLONE: return do_clone(supervisor, &fields->clone);
    case OP_NETWORK_NAMESPACE: return do_network_namespace(supervisor);
    case OP_NETLINK: return do_netlink(supervisor, &fields->netlink);
    case OP_PORT: return do_port(supervisor, &fields->port);
    case OP_RELAY: return do_relay(supervisor, &fields->relay);
    case OP_RESOLVER: return do_resolver(supervisor, &fields->resolver);
    case OP_NAMES_ADD: return do_names_add(supervisor, &fields->names_add);
    case OP_NAMES_REMOVE: return do_names_remove(supervisor, &fields->names_remove);
    case OP_NETWORK_END: return do_network_end(supervisor);
    case OP_RELEASE: return do_release(supervisor);
    case OP_CGROUP_JOIN: return do_cgroup_join(supervisor, &fields->cgroup_join);
    case OP_UNSHARE: return do_unshare(supervisor, &fields->unshare);
    case OP_SETNS: return do_setns(supervisor, &fields->setns);
    case OP_ROOT_PROPAGATION: return do_root_propagation(supervisor, &fields->root_propagation);
    case OP_TREE_OPEN: return do_tree_open(supervisor, &fields->tree_open);
    case OP_TREE_TAKE: return do_tree_take(supervisor, &fields->tree_take);
    case OP_ROOT_MOUNT: return do_root_mount(supervisor, &fields->root_mount);
    case OP_PIVOT_ROOT: return do_pivot_root(supervisor, &fields->pivot_root);
    case OP_MOUNT: return do_mount(supervisor, &fields->mount);
    case OP_TREE_ATTACH: return do_tree_attach(supervisor, &fields->tree_attach);
    case OP_TREE_SHARE: return do_tree_share(supervisor, &fields->tree_share);
    case OP_DEVICE_NODE: return do_device_node(supervisor, &fields->device_node);
    case OP_SYMLINK: return do_symlink(supervisor, &fields->symlink);
    case OP_MASK: return do_mask(supervisor, &fields->mask);
    case OP_READ_ONLY: return do_read_only(supervisor, &fields->read_only);
    case OP_REMOUNT: return do_remount(supervisor, &fields->remount);
    case OP_SYSCTL: return do_sysctl(supervisor, &fields->sysctl);
    case OP_HOSTNAME: return do_hostname(supervisor, &fields->hostname);
    case OP_DOMAINNAME: return do_domainname(supervisor, &fields->domainname);
    case OP_CONSOLE: return do_console(supervisor, &fields->console);
    case OP_NETWORK_JOIN: return do_network_join(supervisor);
    case OP_AWAIT_RELEASE: return do_await_release(supervisor);
    case OP_LEND_ROOT: return do_lend_root(supervisor);
    case OP_RLIMIT: return do_rlimit(supervisor, &fields->rlimit);
    case OP_OOM_SCORE_ADJ: return do_oom_score_adj(supervisor, &fields->oom_score_adj);
    case OP_SESSION_KEYRING: return do_session_keyring(supervisor, &fields->session_keyring);
    case OP_NO_NEW_PRIVILEGES: return do_no_new_privileges(supervisor);
    case OP_SECCOMP: return do_seccomp(supervisor, &fields->seccomp);
    case OP_CAPABILITY_BOUNDS: return do_capability_bounds(supervisor, &fields->capability_bounds);
    case OP_USER: return do_user(supervisor, &fields->user);
    case OP_CAPABILITIES: return do_capabilities(supervisor, &fields->capabilities);
    case OP_WORKING_DIRECTORY: return do_working_directory(supervisor, &fields->working_directory);
    case OP_UMASK: return do_umask(supervisor, &fields->umask);
    case OP_EXECUTE: return do_execute(supervisor, &fields->execute);
    case OP_TITLE: return do_title(supervisor, &fields->title);
    case OP_RESTART_POLICY: return do_restart_policy(supervisor, &fields->restart_policy);
    case OP_HEALTH: return do_health(supervisor, &fields->health);
    case OP_JOURNAL: return do_journal(supervisor, &fields->journal);
    case OP_EVENT: return do_event(supervisor, &fields->event);
    case OP_JOIN_PROGRAM: return do_join_program(supervisor, &fields->join_program);
    case OP_OWN_CGROUP: return do_own_cgroup(supervisor, &fields->own_cgroup);
    case OP_LIFELINE: return do_lifeline(supervisor);
    case OP_CHANGE_OWNER: return do_change_owner(supervisor, &fields->change_owner);
    case OP_CGROUP_KILL: return do_cgroup_kill(supervisor, &fields->cgroup_kill);
    case OP_CGROUP_REMOVE: return do_cgroup_remove(supervisor, &fields->cgroup_remove);
    case OP_REMOVE_TREE: return do_remove_tree(supervisor, &fields->remove_tree);
    case OP_CGROUP_LEAVE: return do_cgroup_leave(supervisor, &fields->cgroup_leave);
    case OP_REMOVE_FILE: return do_remove_file(supervisor, &fields->remove_file);
    case OP_NAME_LOCK: return do_name_lock(supervisor, &fields->name_lock);
    case OP_AWAIT_END: return do_await_end(supervisor, &fields->await_end);
    case OP_TELL: return do_tell(supervisor, &fields->tell);
    case OP_CLAIM_RUN: return do_claim_run(supervisor, &fields->claim_run);
    case OP_UNDO_RUN: return do_undo_run(supervisor, &fields->undo_run);
    case OP_UNMOUNT: return do_unmount(supervisor, &fields->unmount);
    case OP_REMOVE_MATCHING: return do_remove_matching(supervisor, &fields->remove_matching);
    case OP_REMOVE_FREE_LOCKS: return do_remove_free_locks(supervisor, &fields->remove_free_locks);
    case OP_REMOVE_IDLE_RUNS: return do_remove_idle_runs(supervisor, &fields->remove_idle_runs);
    case OP_GUARD_LOCK: return do_guard_lock(supervisor, &fields->guard_lock);
    case OP_GUARD_EMPTY: return do_guard_empty(supervisor, &fields->guard_empty);
    case OP_GUARD_TEXT: return do_guard_text(supervisor, &fields->guard_text);
    case OP_GUARD_TABLES: return do_guard_tables(supervisor, &fields->guard_tables);
    case OP_GUARD_LINK: return do_guard_link(supervisor, &fields->guard_link);
    case OP_GUARD_PORTS: return do_guard_ports(supervisor, &fields->guard_ports);
    default: errno = EBADMSG; return -1;
    }
}
#endif

#ifdef PROTOCOL_REQUESTS
/* Payload length + 1 of what clients send; -1: any length; 0: no such frame. */
static const int16_t request_lengths[FRAME_LAST + 1] = {
    [32] = 9,
    [33] = -1,
    [34] = 1,
    [35] = 17,
    [36] = 25,
    [38] = 1,
    [39] = 17,
    [37] = 17,
};
#endif

#ifdef PROTOCOL_SCHEMA
static const struct op_schema op_schemas[OPCODE_LAST + 1] = {
    [1] = {"section", 0, false, 1, -1, {FIELD_U64}},
    [10] = {"run_directory", 2, false, 1, 0, {FIELD_STR}},
    [95] = {"exec_record", 4, false, 2, 0, {FIELD_STR, FIELD_STR}},
    [11] = {"make_directory", 142, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_U64}},
    [12] = {"write_file", 138, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_BYTES}},
    [13] = {"write_knob", 166, false, 3, 0, {FIELD_STR, FIELD_STR, FIELD_U64}},
    [14] = {"open_log", 6, false, 7, 0, {FIELD_STR, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_STR}},
    [15] = {"stdio", 2, false, 7, -1, {FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_SLOT, FIELD_SLOT, FIELD_SLOT}},
    [16] = {"oom_counter", 6, false, 1, 0, {FIELD_STR}},
    [47] = {"freezer", 6, false, 3, 0, {FIELD_STR, FIELD_STR, FIELD_STR}},
    [46] = {"device_filter", 2, false, 2, 0, {FIELD_STR, FIELD_BYTES}},
    [17] = {"clone", 2, true, 2, 1, {FIELD_U64, FIELD_STR}},
    [18] = {"network_namespace", 4, true, 0, -1, {0}},
    [61] = {"netlink", 196, false, 6, 3, {FIELD_U64, FIELD_SLOT, FIELD_BYTES, FIELD_STR, FIELD_BYTES, FIELD_U64}},
    [62] = {"port", 4, false, 4, -1, {FIELD_SLOT, FIELD_U64, FIELD_BYTES, FIELD_U64}},
    [63] = {"relay", 4, false, 1, -1, {FIELD_BYTES}},
    [64] = {"resolver", 4, false, 7, 0, {FIELD_STR, FIELD_STR, FIELD_BYTES, FIELD_BYTES, FIELD_BYTES, FIELD_BYTES, FIELD_U64}},
    [65] = {"names_add", 4, false, 4, 0, {FIELD_STR, FIELD_STR, FIELD_STR, FIELD_STR}},
    [66] = {"names_remove", 192, false, 3, 0, {FIELD_STR, FIELD_STR, FIELD_STR}},
    [67] = {"network_end", 64, false, 0, -1, {0}},
    [19] = {"release", 4, true, 0, -1, {0}},
    [20] = {"cgroup_join", 24, false, 1, 0, {FIELD_STR}},
    [21] = {"unshare", 8, false, 1, -1, {FIELD_U64}},
    [22] = {"setns", 10, false, 2, -1, {FIELD_SLOT, FIELD_U64}},
    [23] = {"root_propagation", 8, false, 1, -1, {FIELD_U64}},
    [24] = {"tree_open", 8, false, 4, 1, {FIELD_SLOT, FIELD_STR, FIELD_STR, FIELD_U64}},
    [48] = {"tree_take", 8, false, 3, 2, {FIELD_SLOT, FIELD_SLOT, FIELD_STR}},
    [25] = {"root_mount", 8, false, 6, 2, {FIELD_STR, FIELD_STR, FIELD_STR, FIELD_STR, FIELD_U64, FIELD_STR}},
    [26] = {"pivot_root", 8, false, 1, 0, {FIELD_STR}},
    [30] = {"mount", 8, false, 6, 1, {FIELD_STR, FIELD_STR, FIELD_STR, FIELD_U64, FIELD_STR, FIELD_U64}},
    [31] = {"tree_attach", 8, false, 7, 1, {FIELD_SLOT, FIELD_STR, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64}},
    [32] = {"tree_share", 8, false, 2, -1, {FIELD_SLOT, FIELD_SLOT}},
    [33] = {"device_node", 8, false, 5, 0, {FIELD_STR, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64}},
    [34] = {"symlink", 8, false, 2, 1, {FIELD_STR, FIELD_STR}},
    [35] = {"mask", 8, false, 1, 0, {FIELD_STR}},
    [36] = {"read_only", 8, false, 1, 0, {FIELD_STR}},
    [37] = {"remount", 8, false, 2, 0, {FIELD_STR, FIELD_U64}},
    [38] = {"sysctl", 8, false, 2, 0, {FIELD_STR, FIELD_STR}},
    [39] = {"hostname", 8, false, 1, 0, {FIELD_STR}},
    [40] = {"domainname", 8, false, 1, 0, {FIELD_STR}},
    [42] = {"console", 8, false, 2, -1, {FIELD_U64, FIELD_U64}},
    [44] = {"network_join", 8, false, 0, -1, {0}},
    [45] = {"await_release", 8, false, 0, -1, {0}},
    [94] = {"lend_root", 8, false, 0, -1, {0}},
    [50] = {"rlimit", 24, false, 3, -1, {FIELD_U64, FIELD_U64, FIELD_U64}},
    [51] = {"oom_score_adj", 26, false, 2, -1, {FIELD_U64, FIELD_U64}},
    [52] = {"session_keyring", 24, false, 1, 0, {FIELD_STR}},
    [53] = {"no_new_privileges", 24, false, 0, -1, {0}},
    [54] = {"seccomp", 24, false, 2, -1, {FIELD_U64, FIELD_BYTES}},
    [55] = {"capability_bounds", 24, false, 1, -1, {FIELD_U64}},
    [56] = {"user", 24, false, 3, -1, {FIELD_U64, FIELD_U64, FIELD_BYTES}},
    [57] = {"capabilities", 56, false, 4, -1, {FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64}},
    [58] = {"working_directory", 24, false, 4, 0, {FIELD_STR, FIELD_U64, FIELD_U64, FIELD_U64}},
    [59] = {"umask", 24, false, 1, -1, {FIELD_U64}},
    [60] = {"execute", 24, false, 4, 0, {FIELD_STR, FIELD_STR, FIELD_LIST, FIELD_LIST}},
    [70] = {"title", 42, false, 1, 0, {FIELD_STR}},
    [71] = {"restart_policy", 32, false, 2, -1, {FIELD_U64, FIELD_U64}},
    [72] = {"health", 32, false, 7, 6, {FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_U64, FIELD_STR, FIELD_STR}},
    [73] = {"journal", 2, false, 4, 0, {FIELD_STR, FIELD_STR, FIELD_U64, FIELD_U64}},
    [74] = {"event", 10, false, 2, 1, {FIELD_U64, FIELD_STR}},
    [75] = {"join_program", 16, false, 1, -1, {FIELD_U64}},
    [76] = {"own_cgroup", 2, false, 2, 0, {FIELD_STR, FIELD_U64}},
    [77] = {"lifeline", 2, false, 0, -1, {0}},
    [78] = {"change_owner", 8, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_U64}},
    [80] = {"cgroup_kill", 128, false, 1, 0, {FIELD_STR}},
    [81] = {"cgroup_remove", 128, false, 1, 0, {FIELD_STR}},
    [82] = {"remove_tree", 128, false, 1, 0, {FIELD_STR}},
    [84] = {"cgroup_leave", 128, false, 1, 0, {FIELD_STR}},
    [83] = {"remove_file", 128, false, 1, 0, {FIELD_STR}},
    [120] = {"name_lock", 8, false, 1, 0, {FIELD_STR}},
    [110] = {"await_end", 8, false, 1, 0, {FIELD_STR}},
    [111] = {"tell", 64, false, 2, 0, {FIELD_STR, FIELD_BYTES}},
    [112] = {"claim_run", 128, false, 4, 0, {FIELD_STR, FIELD_BYTES, FIELD_U64, FIELD_U64}},
    [113] = {"undo_run", 128, false, 2, 0, {FIELD_STR, FIELD_U64}},
    [114] = {"unmount", 128, false, 1, 0, {FIELD_STR}},
    [115] = {"remove_matching", 128, false, 3, 0, {FIELD_STR, FIELD_STR, FIELD_STR}},
    [121] = {"remove_free_locks", 128, false, 1, 0, {FIELD_STR}},
    [122] = {"remove_idle_runs", 128, false, 1, 0, {FIELD_STR}},
    [116] = {"guard_lock", 128, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_U64}},
    [117] = {"guard_empty", 128, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_U64}},
    [118] = {"guard_text", 128, false, 3, 0, {FIELD_STR, FIELD_STR, FIELD_U64}},
    [119] = {"guard_tables", 128, false, 3, -1, {FIELD_STR, FIELD_STR, FIELD_U64}},
    [123] = {"guard_link", 128, false, 3, 0, {FIELD_STR, FIELD_U64, FIELD_U64}},
    [124] = {"guard_ports", 128, false, 3, -1, {FIELD_STR, FIELD_U64, FIELD_U64}},
};
#endif

#endif
