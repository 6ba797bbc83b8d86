import type { RunBuilder } from '../../../src/container/run-builder.js'

/** An option of `docker run`, in both languages. `facts/variants` holds what a daemon made of it. */
export interface Variant {
  readonly name: string
  readonly docker: readonly string[]
  readonly inboard: (run: RunBuilder) => RunBuilder
}

/** @param shared a directory of the host for the variant that binds one */
export const variants = (shared: string): readonly Variant[] => [
  { name: 'nonenet', docker: [], inboard: (run) => run },
  { name: 'addsysadmin', docker: ['--cap-add=SYS_ADMIN'], inboard: (run) => run.capAdd('SYS_ADMIN') },
  { name: 'dropall', docker: ['--cap-drop=ALL'], inboard: (run) => run.capDrop('ALL') },
  { name: 'user', docker: ['--user=1000:1000'], inboard: (run) => run.user('1000:1000') },
  { name: 'usergroups', docker: ['--user=1000', '--group-add=44'], inboard: (run) => run.user('1000').groupAdd('44') },
  { name: 'nnp', docker: ['--security-opt=no-new-privileges'], inboard: (run) => run.securityOpt('no-new-privileges') },
  {
    name: 'unconfined',
    docker: ['--security-opt=seccomp=unconfined'],
    inboard: (run) => run.securityOpt('seccomp=unconfined'),
  },
  { name: 'readonly', docker: ['--read-only'], inboard: (run) => run.readOnly() },
  { name: 'shm', docker: ['--shm-size=128m'], inboard: (run) => run.shmSize('128m') },
  { name: 'tmpfs', docker: ['--tmpfs=/t'], inboard: (run) => run.tmpfs('/t') },
  { name: 'tty', docker: ['--tty'], inboard: (run) => run.tty() },
  {
    name: 'ulimit',
    docker: ['--ulimit=nofile=1024:2048', '--oom-score-adj=500'],
    inboard: (run) => run.ulimit('nofile=1024:2048').oomScoreAdj(500),
  },
  {
    name: 'sysctl',
    docker: ['--sysctl=net.core.somaxconn=1024'],
    inboard: (run) => run.sysctl({ 'net.core.somaxconn': '1024' }),
  },
  { name: 'init', docker: ['--init'], inboard: (run) => run.init() },
  { name: 'hostnet', docker: ['--network=host'], inboard: (run) => run.network('host') },
  { name: 'hostpid', docker: ['--pid=host'], inboard: (run) => run.pid('host') },
  { name: 'hostipc', docker: ['--ipc=host'], inboard: (run) => run.ipc('host') },
  {
    name: 'mem',
    docker: ['--memory=64m', '--memory-swap=64m', '--cpus=0.5', '--cpu-shares=512', '--pids-limit=50'],
    inboard: (run) => run.memory('64m').memorySwap('64m').cpus(0.5).cpuShares(512).pidsLimit(50),
  },
  { name: 'device', docker: ['--device=/dev/fuse'], inboard: (run) => run.device('/dev/fuse') },
  {
    name: 'systempathsunconf',
    docker: ['--security-opt=systempaths=unconfined'],
    inboard: (run) => run.securityOpt('systempaths=unconfined'),
  },
  { name: 'bind', docker: [`--volume=${shared}:/b:ro`], inboard: (run) => run.volume(`${shared}:/b:ro`) },
]
