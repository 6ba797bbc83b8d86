import { attribute, type Message, NLM_F_CREATE, nested, text } from './messages.js'
import type { NetlinkSocket } from './netlink-socket.js'
import { compare, decide, loadMeta } from './nft-expressions.js'
import {
  type ChainRecord,
  commentData,
  dumpChains,
  dumpRules,
  type RuleRecord,
  readChains,
  readRules,
} from './nft-records.js'
import { nftRequest } from './nftables.js'

/**
 * Rules in chains of others who drop what they do not know of all that is forwarded: what comes from and goes to our bridges
 * is accepted there, and left to our own rules. They are of a form that iptables(8) understands.
 */
const NFT_MSG_NEWRULE = 6
const NFT_MSG_DELRULE = 8
const NF_INET_FORWARD = 2
const families: ReadonlySet<number> = new Set([1, 2, 10])
const rootTable = /^inboard-[0-9a-f]{8}$/
const guard = /^guard[46]$/

/** The chains of others that see what is forwarded. */
export function foreignChains(chains: readonly ChainRecord[], table: string): ChainRecord[] {
  return chains.filter((chain) => {
    if (chain.hook !== NF_INET_FORWARD || !families.has(chain.family) || chain.table === table) return false
    return !rootTable.test(chain.table) || guard.test(chain.name)
  })
}

/** What tells, without looking into them, whether others have changed these chains. */
export function signatureOf(chains: readonly ChainRecord[]): string {
  return JSON.stringify(chains)
}

/** The exceptions in chains of others, those of one root. */
export class Exceptions {
  constructor(
    private readonly socket: NetlinkSocket,
    private readonly table: string,
  ) {}

  /** Adds the exceptions of these bridges that are missing, to all chains that need them. What chains there were when that was done. */
  async add(bridges: readonly string[]): Promise<string> {
    for (const chain of await this.#chains()) {
      const rules = await this.#rules(chain)
      if (!drops(chain, rules)) continue
      const known = new Set(rules.map(({ comment }) => comment))
      const missing = bridges
        .flatMap((bridge) => exceptionsOf(this.table, bridge))
        .filter(({ comment }) => !known.has(comment))
      await this.socket.commit(
        'exceptions in the firewall of others',
        missing.map((rule) => insertRule(chain, rule)),
      )
    }
    return signatureOf(await this.#chains())
  }

  /** Removes the exceptions of these bridges; of all when none is given. */
  async remove(bridges?: readonly string[]): Promise<void> {
    const names = bridges?.flatMap((bridge) => exceptionsOf(this.table, bridge)).map(({ comment }) => comment)
    const isOurs = ({ comment = '' }: RuleRecord) =>
      names ? names.includes(comment) : comment.startsWith(`${this.table} `)
    for (const chain of await this.#chains()) {
      const rules = (await this.#rules(chain)).filter(isOurs)
      await this.socket.commit(
        'exceptions in the firewall of others',
        rules.map((rule) => deleteRule(chain, rule)),
      )
    }
  }

  async #chains(): Promise<ChainRecord[]> {
    return foreignChains(readChains(await this.socket.dump('chains', dumpChains())), this.table)
  }

  async #rules(chain: ChainRecord): Promise<RuleRecord[]> {
    return readRules(await this.socket.dump('rules', dumpRules(chain)))
  }
}

function drops(chain: ChainRecord, rules: readonly RuleRecord[]): boolean {
  return chain.drops || rootTable.test(chain.table) || rules.at(-1)?.dropsAll === true
}

interface Exception {
  readonly direction: 'iifname' | 'oifname'
  readonly bridge: string
  readonly comment: string
}

function exceptionsOf(table: string, bridge: string): Exception[] {
  return [
    { direction: 'iifname', bridge, comment: `${table} in ${bridge}` },
    { direction: 'oifname', bridge, comment: `${table} out ${bridge}` },
  ]
}

/** At the chain's top. The name is compared with the NUL that ends it, as iptables(8) does. */
function insertRule(chain: ChainRecord, { direction, bridge, comment }: Exception): Message {
  const expressions = [loadMeta(direction, 0), compare(0, 'equal', text(bridge)), decide({ kind: 'accept' })]
  const parts = [nested(4, ...expressions), attribute(7, commentData(comment))]
  return nftRequest(NFT_MSG_NEWRULE, NLM_F_CREATE, chain.family, ...placeOf(chain), ...parts)
}

function deleteRule(chain: ChainRecord, { handle }: RuleRecord): Message {
  return nftRequest(NFT_MSG_DELRULE, 0, chain.family, ...placeOf(chain), attribute(3, handle))
}

function placeOf({ table, name }: ChainRecord): Uint8Array[] {
  return [attribute(1, text(table)), attribute(2, text(name))]
}
