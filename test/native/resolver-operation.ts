import type { PlanWriter } from '../../src/launch/protocol.gen.js'
import type { ResolverRules } from '../../src/network/resolver-rules.js'

export interface ResolverOperation {
  readonly directory: string
  readonly view: string
  readonly filter: Uint8Array
  readonly rules: ResolverRules
  readonly open: number
}

export function writeResolver(plan: PlanWriter, { rules, ...fields }: ResolverOperation): void {
  plan.resolver({ ...fields, rules: rules.messages, udpAt: words(rules.udpAt), tcpAt: words(rules.tcpAt) })
}

function words(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer)
}
