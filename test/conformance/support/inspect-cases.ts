import type { RunBuilder } from '../../../src/container/run-builder.js'

/** A container with options of `docker run`, in both languages, and the state that it is inspected in. */
export interface InspectCase {
  readonly name: string
  /** `full`: with everything that an image's configuration can say. */
  readonly image: 'plain' | 'full'
  readonly state: 'created' | 'running' | 'paused' | 'exited' | 'failed'
  readonly command: readonly string[]
  readonly docker: readonly string[]
  readonly inboard: (run: RunBuilder) => RunBuilder
}

/** What the image `full` is imported with. */
export const fullImage: readonly string[] = [
  'ENV PATH=/usr/bin:/bin COLOR=red',
  'CMD ["sleep", "1000"]',
  'EXPOSE 80 53/udp',
  'VOLUME /data',
  'LABEL stage=ci owner=me',
  'USER 1000',
  'WORKDIR /tmp',
  'HEALTHCHECK --interval=1h --timeout=5s --retries=2 CMD true',
]

const sleep = ['sleep', '1000']

/** @param shared a directory of the host */
export const inspectCases = (shared: string): readonly InspectCase[] => [
  { name: 'plain', image: 'plain', state: 'running', command: sleep, docker: [], inboard: (run) => run },
  { name: 'never', image: 'plain', state: 'created', command: sleep, docker: [], inboard: (run) => run },
  {
    name: 'ended',
    image: 'plain',
    state: 'exited',
    command: ['sh', '-c', 'exit 3'],
    docker: [],
    inboard: (run) => run,
  },
  { name: 'missing', image: 'plain', state: 'failed', command: ['/no/such'], docker: [], inboard: (run) => run },
  { name: 'stands', image: 'plain', state: 'paused', command: sleep, docker: [], inboard: (run) => run },
  { name: 'full', image: 'full', state: 'created', command: [], docker: [], inboard: (run) => run },
  {
    name: 'process',
    image: 'full',
    state: 'running',
    command: ['1000', '5'],
    docker: [
      '--entrypoint=sleep',
      '--env=COLOR=blue',
      '--env=A=1',
      '--user=1:2',
      '--workdir=/x/../y',
      '--label=owner=you',
      '--label=empty',
      '--stop-signal=SIGINT',
      '--stop-timeout=3',
    ],
    inboard: (run) =>
      run
        .entrypoint('sleep')
        .env({ COLOR: 'blue', A: '1' })
        .user('1:2')
        .workdir('/x/../y')
        .label({ owner: 'you', empty: '' })
        .stopSignal('SIGINT')
        .stopTimeout(3),
  },
  {
    name: 'terminal',
    image: 'plain',
    state: 'running',
    command: ['sh'],
    docker: ['--tty', '--interactive', '--hostname=there', '--domainname=example.com', '--init'],
    inboard: (run) => run.tty().interactive().hostname('there').domainname('example.com').init(),
  },
  {
    name: 'resources',
    image: 'plain',
    state: 'running',
    command: sleep,
    docker: [
      '--memory=64m',
      '--memory-reservation=32m',
      '--memory-swap=96m',
      '--cpus=0.5',
      '--cpu-shares=512',
      '--cpuset-cpus=0',
      '--pids-limit=50',
      '--ulimit=nofile=1024:2048',
      '--oom-score-adj=500',
      '--shm-size=32m',
      '--oom-kill-disable',
    ],
    inboard: (run) =>
      run
        .memory('64m')
        .memoryReservation('32m')
        .memorySwap('96m')
        .cpus(0.5)
        .cpuShares(512)
        .cpusetCpus('0')
        .pidsLimit(50)
        .ulimit('nofile=1024:2048')
        .oomScoreAdj(500)
        .shmSize('32m')
        .oomKillDisable(),
  },
  {
    name: 'period',
    image: 'plain',
    state: 'created',
    command: sleep,
    docker: ['--cpu-period=50000', '--cpu-quota=25000', '--memory=16m'],
    inboard: (run) => run.cpuPeriod(50_000).cpuQuota(25_000).memory('16m'),
  },
  {
    name: 'security',
    image: 'plain',
    state: 'created',
    command: sleep,
    docker: [
      '--cap-add=NET_ADMIN',
      '--cap-add=all',
      '--cap-drop=mknod',
      '--security-opt=no-new-privileges',
      '--security-opt=seccomp=unconfined',
      '--read-only',
      '--group-add=44',
      '--group-add=root',
      '--device=/dev/fuse',
      '--device=/dev/null:/dev/nothing:r',
      '--sysctl=net.core.somaxconn=1024',
    ],
    inboard: (run) =>
      run
        .capAdd('NET_ADMIN', 'all')
        .capDrop('mknod')
        .securityOpt('no-new-privileges', 'seccomp=unconfined')
        .readOnly()
        .groupAdd('44', 'root')
        .device('/dev/fuse', '/dev/null:/dev/nothing:r')
        .sysctl({ 'net.core.somaxconn': '1024' }),
  },
  {
    name: 'privileged',
    image: 'plain',
    state: 'created',
    command: sleep,
    docker: ['--privileged', '--pid=host', '--ipc=host', '--uts=host', '--network=host'],
    inboard: (run) => run.privileged().pid('host').ipc('host').uts('host').network('host'),
  },
  {
    name: 'network',
    image: 'plain',
    state: 'running',
    command: sleep,
    docker: [
      '--publish=127.0.0.1:18080:80',
      '--publish=53/udp',
      '--expose=90-91',
      '--dns=10.1.1.1',
      '--dns-search=example.com',
      '--dns-option=ndots:2',
      '--add-host=db:10.0.0.9',
    ],
    inboard: (run) =>
      run
        .publish('127.0.0.1:18080:80', '53/udp')
        .expose('90-91')
        .dns('10.1.1.1')
        .dnsSearch('example.com')
        .dnsOption('ndots:2')
        .addHost('db:10.0.0.9'),
  },
  {
    name: 'published',
    image: 'full',
    state: 'created',
    command: [],
    docker: ['--publish-all', '--publish=8000-8001:8000-8001', '--network=none'],
    inboard: (run) => run.publishAll().publish('8000-8001:8000-8001').network('none'),
  },
  {
    name: 'mounts',
    image: 'full',
    state: 'running',
    command: [],
    docker: [
      `--volume=${shared}:/b:ro`,
      '--volume=/anonymous',
      '--volume=inspected:/named',
      '--tmpfs=/t:size=1m',
      '--mount=type=tmpfs,target=/u,tmpfs-size=1048576,tmpfs-mode=0700',
    ],
    inboard: (run) =>
      run
        .volume(`${shared}:/b:ro`, '/anonymous', 'inspected:/named')
        .tmpfs('/t', 'size=1m')
        .mount({ type: 'tmpfs', target: '/u', tmpfsOptions: { size: 1_048_576, mode: 0o700 } }),
  },
  {
    name: 'restarts',
    image: 'plain',
    state: 'created',
    command: sleep,
    docker: ['--restart=on-failure:3'],
    inboard: (run) => run.restart('on-failure:3'),
  },
  { name: 'removed', image: 'plain', state: 'running', command: sleep, docker: ['--rm'], inboard: (run) => run.rm() },
]

/**
 * A document of inspect by the paths of its fields (`HostConfig.Memory`), with marks for what is different each time.
 *
 * @param places directories, by their marks
 */
export function fieldsOf(document: Record<string, unknown>, places: Readonly<Record<string, string>>) {
  const { Id, State } = document as { Id: string; State: { Pid: number } }
  const fields: Record<string, unknown> = {}
  const gather = (path: string, value: unknown): void => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isObject || Object.keys(value).length === 0) fields[marked(path)] = marks(value)
    else for (const [name, item] of Object.entries(value)) gather(path === '' ? name : `${path}.${name}`, item)
  }
  const marked = (text: string) =>
    Object.entries(places)
      .reduce((all, [mark, place]) => all.replaceAll(place, mark), text)
      .replaceAll(Id, '<ID>')
      .replaceAll(Id.slice(0, 12), '<SHORT>')
      .replaceAll(/\b[0-9a-f]{64}\b/g, '<HASH>')
      .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, (time) => (time.startsWith('0001') ? 'never' : '<TIME>'))
      .replace(/^02:42(?::[0-9a-f]{2}){4}$/, (mac) => (mac.endsWith('99') ? mac : '<MAC>'))
      .replace(/^(?:172|192)\.\d+\.\d+\.(\d+)$/, '<SUBNET>.$1')
      .replace(/^3276\d$/, '<PORT>')
      .replaceAll(`/proc/${State.Pid}/`, '/proc/<PID>/')
  const marks = (value: unknown): unknown => {
    if (typeof value === 'string') return marked(value)
    if (Array.isArray(value)) return value.map(marks)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [marked(name), marks(item)]))
    return value === State.Pid && State.Pid > 0 ? '<PID>' : value
  }
  gather('', document)
  return fields
}
