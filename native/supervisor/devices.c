/* The device list of a cgroup v2: a program that the kernel asks. */
#include "supervisor.h"
#include <linux/bpf.h>
#include <string.h>

static int load_program(const struct blob *program) {
    union bpf_attr load;
    memset(&load, 0, sizeof load);
    if (program->length % sizeof(struct bpf_insn) != 0) return fail(EINVAL);
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = (uint64_t)(uintptr_t)program->data;
    load.insn_cnt = program->length / (uint32_t)sizeof(struct bpf_insn);
    load.license = (uint64_t)(uintptr_t)"Apache-2.0";
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    return fd < 0 ? -1 : fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -1 : fd;
}

/* It goes with the cgroup. */
int do_device_filter(struct supervisor *s, const struct op_device_filter *op) {
    (void)s;
    autoclose cgroup = open(op->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose program = cgroup < 0 ? -1 : load_program(op->program);
    if (program < 0) return -1;
    union bpf_attr attach;
    memset(&attach, 0, sizeof attach);
    attach.target_fd = (uint32_t)cgroup;
    attach.attach_bpf_fd = (uint32_t)program;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach);
}
