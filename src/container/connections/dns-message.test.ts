import packet from 'dns-packet'
import { expect, test } from 'vitest'
import { DnsFailure } from './dns-exchange.js'
import { addressesIn, encodeQuestion, type Question, questionsFor } from './dns-message.js'

const asked: Question = { id: 7, name: 'web.test', type: 'A' }
const a = (name: string, data = '10.0.0.1') => ({ type: 'A', name, data }) as const
const alias = (name: string, data: string) => ({ type: 'CNAME', name, data }) as const

const answered = (answers: packet.Answer[], change: Partial<packet.Packet> = {}) =>
  packet.encode({ type: 'response', id: 7, questions: [{ type: 'A', name: 'web.test' }], answers, ...change })

test('asks for each family by a number of its own, and wants recursion', () => {
  const [first, second] = questionsFor('Web.Test', [4, 6])
  expect([first?.name, first?.type, second?.type]).toEqual(['web.test', 'A', 'AAAA'])
  expect(first?.id).not.toBe(second?.id)
  const sent = packet.streamDecode(encodeQuestion(first as Question))
  expect(sent).toMatchObject({ type: 'query', id: first?.id, questions: [{ name: 'web.test', type: 'A' }] })
})

test('takes the addresses of the name, whatever its case', () => {
  const message = answered([a('WEB.test'), a('web.test', '10.0.0.2'), a('other.test', '6.6.6.6')])
  expect(addressesIn(message, asked)?.map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2'])
})

test('follows aliases, and nothing that was not asked for', () => {
  const chain = [alias('web.test', 'b.test'), alias('b.test', 'c.test'), a('c.test'), a('d.test', '6.6.6.6')]
  expect(addressesIn(answered(chain), asked)).toEqual([{ address: '10.0.0.1', family: 4 }])
  expect(addressesIn(answered([alias('web.test', 'web.test')]), asked)).toEqual([])
  expect(addressesIn(answered([a('other.test')]), asked)).toEqual([])
})

test('tells a name that is not there from a server that cannot tell', () => {
  expect(addressesIn(answered([], { flags: 3 }), asked)).toBeUndefined()
  expect(() => addressesIn(answered([], { flags: 2 }), asked)).toThrow(DnsFailure)
})

test.each([
  ['another id', answered([a('web.test')], { id: 8 })],
  ['another question', answered([a('x.test')], { questions: [{ type: 'A', name: 'x.test' }] })],
  ['another type', answered([a('web.test')], { questions: [{ type: 'AAAA', name: 'web.test' }] })],
  ['no question', answered([a('web.test')], { questions: [] })],
  ['a query', answered([a('web.test')], { type: 'query' })],
  ['nothing', Buffer.alloc(0)],
  ['half of it', answered([a('web.test')]).subarray(0, 40)],
  ['noise', Buffer.from(Array.from({ length: 256 }, (_, at) => (at * 37) % 256))],
])('refuses %s', (_, message) => {
  expect(() => addressesIn(message, asked)).toThrow(DnsFailure)
})
