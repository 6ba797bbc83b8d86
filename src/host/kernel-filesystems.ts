/** statfs(2), `type`, of what is no storage: the kernel shows there what it knows, and does what is written. */
const kernelTypes: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xcafe4a11, // bpf
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x62656570, // configfs
  0xde5e81e4, // efivarfs
  0x6165676c, // pstore
  0xf97cff8c, // selinuxfs
  0x43415d53, // smackfs
  0x42494e4d, // binfmt_misc
  0x6e736673, // nsfs
  0x65735543, // fusectl
  0x7655821, // resctrl
  0x67596969, // rpc_pipefs
  0x187, // autofs
])

/** Whether a filesystem, by its type of statfs(2), is one of the kernel's own. */
export const isKernelFilesystem = (type: number): boolean => kernelTypes.has(type)
