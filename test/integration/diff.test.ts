import { expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { testEngine } from '../support/engine.js'

const lines = async (container: Container) => (await container.diff()).map(({ kind, path }) => `${kind} ${path}`)

const base =
  'mkdir -p /d/sub /op /gone/x /keep /tmp2 && echo a >/d/a && echo b >/d/sub/b && echo o >/op/old && echo o2 >/op/same && echo k >/keep/k && ln /keep/k /keep/k2 && echo r >/readd && echo mm >/meta'
const changes =
  'rm -rf /gone; rm -rf /op; mkdir /op; echo new >/op/new; echo same >/op/same; echo x >/d/sub/n; rm /d/a; chmod 600 /meta; rm /readd; echo again >/readd; touch /keep/k; mkdir -p /root; echo 1 >/root/x; mknod /fifo p; ln -s /etc/passwd /lnk; echo h >/h1; ln /h1 /h2; mkdir /emptyd; rm /keep/k2; mv /d/sub /d/moved; echo zz >/etc/zz; rmdir /tmp2; echo f >/tmp2; mkdir /dev/foo; echo 1 >/dev/shm/x'

/** What `docker diff` tells of the same, sorted: of a real daemon, whose order of siblings is none. */
const docker = [
  'A /bindt',
  'A /bindt/deep',
  'C /d',
  'D /d/a',
  'A /d/moved',
  'A /d/moved/b',
  'A /d/moved/n',
  'D /d/sub',
  'A /emptyd',
  'C /etc',
  'A /etc/zz',
  'A /fifo',
  'D /gone',
  'A /h1',
  'A /h2',
  'C /keep',
  'C /keep/k',
  'D /keep/k2',
  'A /lnk',
  'C /meta',
  'C /op',
  'A /op/new',
  'D /op/old',
  'C /op/same',
  'C /readd',
  'C /root',
  'A /root/x',
  'A /tf',
  'C /tmp2',
]

for (const storageDriver of ['overlay', 'vfs'] as const)
  test(`a container's changes are those that docker diff tells, with ${storageDriver}`, async () => {
    await using place = await testEngine(['busybox'], { storageDriver })
    const { engine, directory } = place
    const before = await engine.run('busybox', ['sh', '-ec', `${base}; mkdir -p /root`])
    await before.wait()
    await before.commit('base')
    const after = await engine.run('base', ['sh', '-ec', changes]).volume(`${directory}:/bindt/deep:ro`).tmpfs('/tf')
    const { exitCode } = await after.wait()
    expect([exitCode, await lines(after)]).toEqual([0, docker])
  })
