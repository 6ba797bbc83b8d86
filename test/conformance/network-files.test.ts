import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine, RunOptions } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

/** A container's files under Docker; what differs from run to run is in angle brackets. */
interface Files {
  readonly network: string
  readonly options: RunOptions
  readonly hosts: readonly string[]
  readonly hostname: string
  readonly resolvConf: readonly string[]
  readonly domain: string
}

const cases: readonly Files[] = JSON.parse(fact('network-files.json'))
const upstream = /^nameserver (.*)$/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1] ?? '8.8.8.8'

let host: TestEngine
let engine: Engine
let gateway: string | undefined
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  await engine.networks.create('user-defined').subnet('10.60.0.0/24')
  await engine.networks.create('dual-stack').subnet('10.62.0.0/24', '2001:db8:60::/64').ipv6()
  await engine.networks.create('internal').internal()
  gateway = (await (await engine.networks.get('bridge')).inspect()).IPAM.Config[0]?.Gateway
})
afterAll(() => host[Symbol.asyncDispose]())

const script = `cat /etc/hosts; echo ==; cat /etc/hostname; echo ==; cat /etc/resolv.conf; echo ==
cat /proc/sys/kernel/domainname; echo ==; hostname | cut -c1-12; ip -o addr show eth0; ip route | grep default`

async function filesOf({ network, options }: Files): Promise<Record<string, readonly string[]>> {
  const { stdout } = await engine
    .run('busybox', ['sh', '-c', script], { ...options, network })
    .rm()
    .output()
  const [hosts = '', hostname = '', resolvConf = '', domain = '', facts = ''] = stdout.split('==\n')
  const written = (text: string) => asWritten(text, facts).trimEnd().split('\n')
  return {
    hosts: written(hosts),
    hostname: written(hostname),
    resolvConf: written(resolvConf),
    domain: written(domain),
  }
}

/** Puts the placeholders in. */
function asWritten(text: string, facts: string): string {
  const found = [
    [/inet (\S+)\//.exec(facts)?.[1], '<ADDRESS>'],
    [/inet6 (2001\S+)\//.exec(facts)?.[1], '<ADDRESS6>'],
    [gateway, '<GATEWAY>'],
    [upstream, '<UPSTREAM>'],
    [/^([0-9a-f]{12})$/m.exec(facts)?.[1], '<ID>'],
  ] as const
  return found.reduce((now, [value, name]) => (value === undefined ? now : replaceWord(now, value, name)), text)
}

const replaceWord = (text: string, word: string, by: string) =>
  text.replaceAll(new RegExp(`(?<![\\w.:])${word.replaceAll('.', '\\.')}(?![\\w:])`, 'g'), by)

test.each(cases.map((files) => [files.network, JSON.stringify(files.options), files] as const))(
  'a container on a network of the kind %s with the options %s has the files that Docker writes',
  async (_network, _options, files) => {
    const { hosts, hostname, resolvConf, domain } = files
    expect(await filesOf(files)).toEqual({ hosts, hostname: [hostname], resolvConf, domain: [domain] })
  },
)
