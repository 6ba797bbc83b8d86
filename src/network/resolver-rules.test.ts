import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Namespaces, NETLINK_NETFILTER } from './fixture.js'
import { resolverRules } from './resolver-rules.js'

let namespaces: Namespaces
beforeAll(() => {
  namespaces = Namespaces.start()
})
afterAll(() => namespaces[Symbol.asyncDispose]())

/** Sends a batch, and prints the numbers of the errors that come back. */
const apply = `
import socket, struct, sys
firewall = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, ${NETLINK_NETFILTER})
firewall.send(bytes.fromhex(sys.argv[1]))
firewall.setblocking(False)
try:
    while True: print(struct.unpack_from('=i', firewall.recv(8192), 16))
except BlockingIOError: pass
`

function withPorts(udp: number, tcp: number): Buffer {
  const { messages, udpAt, tcpAt } = resolverRules()
  const bytes = Buffer.from(messages)
  for (const at of udpAt) bytes.writeUInt16BE(udp, at)
  for (const at of tcpAt) bytes.writeUInt16BE(tcp, at)
  return bytes
}

describe('resolverRules', () => {
  it('leads 127.0.0.11:53 to two ports and lets answers come from there, in silence', async () => {
    const namespace = await namespaces.make()
    const sent = await namespaces.run(namespace, 'python3', '-c', apply, withPorts(40001, 40002).toString('hex'))
    const { stdout } = await namespaces.run(namespace, 'nft', 'list', 'ruleset')
    expect(sent).toMatchObject({ stdout: '', stderr: '', status: 0 })
    expect(stdout.split('\n').map((line) => line.trim())).toEqual([
      'table ip inboard-resolver {',
      'chain queries {',
      'type filter hook output priority raw; policy accept;',
      'ip daddr 127.0.0.11 udp dport 53 udp dport set 40001',
      'ip daddr 127.0.0.11 tcp dport 53 tcp dport set 40002',
      '}',
      '',
      'chain answers {',
      'type filter hook postrouting priority srcnat; policy accept;',
      'ip saddr 127.0.0.11 udp sport 40001 udp sport set 53',
      'ip saddr 127.0.0.11 tcp sport 40002 tcp sport set 53',
      '}',
      '}',
      '',
    ])
  })

  it('has zeros where ports are written, and behind them, as words are what is written', () => {
    const { messages, udpAt, tcpAt } = resolverRules()
    const words = [...udpAt, ...tcpAt].map((at) => Buffer.from(messages).readUInt32LE(at))
    expect(words).toEqual([0, 0, 0, 0])
    expect([...udpAt, ...tcpAt].filter((at) => at % 4 !== 0)).toEqual([])
  })
})
