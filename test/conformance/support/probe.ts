import { maskedPaths } from './mount-table.js'

/** What is asked from inside a container, by name; every answer is text. `$$` is the first process. */
const questions = {
  mounts: 'cat /proc/self/mountinfo',
  status:
    'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Seccomp_filters)" /proc/self/status; cat /proc/self/oom_score_adj',
  devices:
    'ls -l /dev /dev/mqueue /dev/pts /dev/shm | sed "s/ [A-Z][a-z][a-z] [ 0-9][0-9] [ 0-9:]* / /; s/^total .*//"',
  root: 'ls -la / /etc | sed "s/ [A-Z][a-z][a-z] [ 0-9][0-9] [ 0-9:]* / /; s/^total .*//"',
  files: 'cat /etc/hosts; echo ---; cat /etc/hostname; echo ---; cat /etc/resolv.conf',
  environment: 'env | sort',
  limits: 'cat /proc/self/limits',
  // Per path the entries of a directory and the bytes of a file.
  masked: `for f in ${maskedPaths.join(' ')}; do [ -e $f ] && echo $f $(ls -A $f | grep -vc ^/) $(cat $f 2>/dev/null | wc -c); done`,
  identity: 'id; umask; pwd; hostname; cat /proc/$$/comm',
  kernel:
    'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range /proc/sys/net/core/somaxconn /proc/sys/kernel/domainname',
  descriptors: 'ls /proc/$$/fd',
  // Opened and not written: one of the variants lets them be.
  writes: [
    '/proc/sysrq-trigger',
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/kernel/hostname',
    '/proc/irq/default_smp_affinity',
    '/sys/kernel/uevent_helper',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/release_agent',
    '/sys/kernel/mm/transparent_hugepage/enabled',
    '/proc/bus/x',
  ]
    .map((path) => `(: >${path}) 2>&1`)
    .join(';'),
  refusals: [
    'mount -t tmpfs x /tmp',
    'unshare -U true',
    'unshare -m true',
    'hostname x',
    'dmesg | head -1',
    'chroot /proc/1/root/.. true',
    'mknod /tmp/disk b 8 0 && dd if=/tmp/disk count=1',
    'mknod /tmp/kmsg c 1 11 && head -c1 /tmp/kmsg',
    'mknod /tmp/mem c 1 1 && head -c1 /tmp/mem',
    'ls -l /proc/1/exe | sed "s/.*-> //"',
  ]
    .map((attempt) => `(${attempt}) 2>&1; echo $?`)
    .join(';'),
} as const

export type Question = keyof typeof questions

export const probeScript = Object.entries(questions)
  .map(([name, command]) => `echo "@@@ ${name}"; ${command}`)
  .join('\n')

/** The answers of a run of `probeScript`, with what differs from start to start taken out. */
export function answers(output: string): Record<Question, string> {
  const sections = output.replaceAll('\r\n', '\n').split('@@@ ').slice(1)
  return Object.fromEntries(sections.map(answer)) as Record<Question, string>
}

function answer(section: string): [string, string] {
  const end = section.indexOf('\n')
  return [
    section.slice(0, end),
    section
      .slice(end + 1)
      .replace(/\b[0-9a-f]{12}\b/g, 'SHORTID')
      .replace(linkCount, '$1'),
  ]
}

// That of /proc is the number of processes on the host.
const linkCount = /^([a-z-][rwxsStT-]{9}) +\d+/gm
