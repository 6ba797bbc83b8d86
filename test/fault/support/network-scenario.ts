import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import type { Engine } from '../../../src/index.js'
import type { Step, User } from './scenario.js'

/** What networks go through; each step can be repeated after it has failed. */
export const networkScenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  { does: 'load', facts: {}, act: async (user) => (await user.engine()).images.load(user.archives.image) },
  { does: 'create a network', facts: {}, act: async (user) => (await user.engine()).networks.create('front') },
  {
    does: 'create one whose containers are kept apart',
    facts: {},
    act: async (user) =>
      (await user.engine()).networks
        .create('back')
        .subnet('10.60.0.0/24')
        .option({ 'com.docker.network.bridge.enable_icc': 'false' }),
  },
  {
    does: 'run a server with a published port',
    facts: { 'container server': 'running' },
    async act(user) {
      await removeContainer(await user.engine(), 'server')
      const server = (await user.engine()).run('busybox', ['sleep', '1000']).name('server')
      await server.network('front').networkAlias('www').publish('18080:80')
    },
  },
  {
    does: 'run a client on the default network',
    facts: { 'container client': 'running' },
    async act(user) {
      await removeContainer(await user.engine(), 'client')
      await (await user.engine()).run('busybox', ['sleep', '1000']).name('client')
    },
  },
  {
    does: 'connect them',
    facts: {},
    async act(user) {
      const back = await (await user.engine()).networks.get('back')
      await back.connect('server', { ip: '10.60.0.9' }).catch(ignoring('ALREADY_CONNECTED'))
      await back.connect('client', { alias: 'caller', link: 'server:srv' }).catch(ignoring('ALREADY_CONNECTED'))
    },
  },
  {
    does: 'rename',
    facts: { 'container customer': 'running' },
    act: async (user) => {
      const { id } = await user.container('client').catch(() => user.container('customer'))
      await (await user.container(id)).rename('customer')
    },
  },
  {
    does: 'disconnect, so that the port moves',
    facts: {},
    act: async (user) => {
      const front = await (await user.engine()).networks.get('front')
      await front.disconnect('server').catch(ignoring('NOT_CONNECTED'))
      await front.connect('server').catch(ignoring('ALREADY_CONNECTED'))
      const back = await (await user.engine()).networks.get('back')
      await back.disconnect('server').catch(ignoring('NOT_CONNECTED'))
      await back.connect('server').catch(ignoring('ALREADY_CONNECTED'))
    },
  },
  {
    does: 'kill the supervisor',
    facts: { 'container server': 'exited 137' },
    async act(user) {
      const server = await user.container('server')
      if ((await server.inspect()).State.Running) await user.killSupervisor('server')
      await server.wait()
    },
  },
  {
    does: 'kill that of one that removes itself',
    facts: { 'container brief': 'absent' },
    async act(user) {
      await removeContainer(await user.engine(), 'brief')
      const brief = (await user.engine()).run('busybox', ['sleep', '1000']).name('brief').rm()
      const { id } = await brief.network('front').publish('18081:80')
      const gone = (await user.container(id)).wait()
      await user.killSupervisor(id)
      await gone
    },
  },
  { does: 'reload', facts: {}, act: async (user) => (await user.engine()).networks.reload() },
  {
    does: 'remove',
    facts: { 'container server': 'absent', 'container customer': 'absent' },
    async act(user) {
      await removeContainer(await user.engine(), 'server')
      await removeContainer(await user.engine(), 'customer')
      await (await user.engine()).networks.prune({ filters: { label: [] } })
    },
  },
  {
    does: 'leave a network half removed, and a file of names that nobody owns',
    facts: {},
    async act(user) {
      const engine = await user.engine()
      const found = await engine.networks.list({ filters: { name: '^left$' } })
      if (found.length === 0) await engine.networks.create('left')
      await user.close()
      leaveHalfRemoved(user)
    },
  },
  { does: 'find what was left', facts: {}, act: (user) => user.engine() },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

function leaveHalfRemoved({ roots }: User): void {
  const database = new Sqlite(`${roots.root}/db/inboard.sqlite`)
  database.prepare("UPDATE networks SET is_removed = 1 WHERE name = 'left'").run()
  database.close()
  writeFileSync(`${roots.runRoot}/dns/${randomBytes(32).toString('hex')}`, 'network nobodys\n')
}

async function removeContainer(engine: Engine, name: string): Promise<void> {
  const container = await engine.containers.get(name).catch(ignoring('CONTAINER_NOT_FOUND'))
  await container?.remove({ force: true })
}

function ignoring(code: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}

/** Failpoints that only this scenario passes. */
export const isOfNetworks = (name: string): boolean =>
  /^(connect|disconnect|network|names|rename)\.|^reconcile\.(network|names)$|^loss\.delete$/.test(name)
