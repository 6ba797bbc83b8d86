import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { testEngine } from '../support/engine.js'

/** What is below a directory that its owner alone has not for himself. */
function openTo(others: number, path: string): string[] {
  const stat = lstatSync(path)
  const own = (stat.mode & others) === 0 ? [] : [`${(stat.mode & 0o7777).toString(8)} ${path}`]
  return stat.isDirectory() ? [...own, ...readdirSync(path).flatMap((name) => openTo(others, join(path, name)))] : own
}

test('what images are made of is nobody else’s, whatever the umask', async () => {
  const before = process.umask(0)
  onTestFinished(() => void process.umask(before))
  await using host = await testEngine(['busybox'])
  const container = await host.engine.run('busybox', ['sh', '-c', 'echo x > /made; sleep 1000000'])
  await container.commit('committed:1')
  await host.engine.images.save(['committed:1'], join(host.directory, 'saved.tar'))
  expect(openTo(0o077, join(host.directory, 'root/content'))).toEqual([])
  for (const name of ['root', 'root/snapshots', 'root/containers', 'root/db'])
    expect([name, lstatSync(join(host.directory, name)).mode & 0o007]).toEqual([name, 0])
})

test('labels of an image change nothing but labels', async () => {
  await using host = await testEngine(['busybox'])
  const { engine } = host
  const words = ['privileged', 'hooks', 'log-driver', 'devices', 'runtime', 'seccomp', 'log_path', 'network', 'cgroup']
  const owners = [
    'inboard',
    'io.inboard',
    'io.podman.annotations',
    'io.containerd',
    'io.kubernetes.cri',
    'run.oci',
    'cdi.k8s.io',
  ]
  const labels = owners.flatMap((owner) => words.map((word) => `"${owner}.${word}"="true"`))
  const plain = await engine.run('busybox', ['sleep', '1000000'])
  await plain.commit('labelled', { changes: [`LABEL ${labels.join(' ')}`, 'CMD ["sleep", "1000000"]'] })
  const labelled = await engine.run('labelled')
  const look = async (container: typeof plain) => ({
    status: (await container.exec(['grep', '-E', '^(Cap|Seccomp|NoNewPrivs|Uid|Groups)', '/proc/self/status'])).stdout,
    devices: (await container.exec(['ls', '/dev'])).stdout,
    mounts: (await container.exec(['sh', '-c', "cut -d' ' -f5,6 /proc/self/mountinfo"])).stdout,
    config: (await container.inspect()).HostConfig,
  })
  expect(await look(labelled)).toEqual(await look(plain))
  expect(Object.keys((await labelled.inspect()).Config.Labels)).toHaveLength(labels.length)
})

test('a container that forks, writes and moves things about holds up no commit, diff or export of it', async () => {
  await using host = await testEngine(['busybox'])
  const deep = 'i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done; cd /'
  const busy = 'while :; do mv /a /b; mkdir -p /a/x /a/y; echo x >> /grows; rm -rf /b & ln -sf / /a/x/l; done'
  const container = await host.engine.run('busybox', ['sh', '-c', `${deep}; b() { b | b & }; b; ${busy}`]).pidsLimit(60)
  const slowestMs = 20_000
  const timely = async (what: Promise<unknown>) => {
    const begin = performance.now()
    await what
    expect(performance.now() - begin).toBeLessThan(slowestMs)
  }
  await timely(container.commit())
  await timely(container.diff())
  await timely(container.commit(undefined, { pause: false }))
  await timely(buffer(container.export()))
  expect((await container.inspect()).State.Running).toBe(true)
  await container.remove({ force: true })
})
