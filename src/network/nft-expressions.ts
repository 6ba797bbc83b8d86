import { attribute, be32, nested, text } from './messages.js'

/**
 * The expressions of nftables' rules: each loads a register, tests one, or ends the rule. A rule goes on with its next
 * expression as long as tests hold. Numbers of <linux/netfilter/nf_tables.h>.
 */
const NFTA_LIST_ELEM = 1
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_DATA_VALUE = 1
const NFTA_DATA_VERDICT = 2
const NFTA_VERDICT_CODE = 1
const NFTA_VERDICT_CHAIN = 2
const NFPROTO = { ip: 2, ip6: 10 } as const
const NFT_REG_VERDICT = 0
const NFT_REG32_00 = 8
const NFT_NAT_DNAT = 1
const NFT_PAYLOAD_CSUM_INET = 1
const NFT_LOOKUP_F_INV = 1
const NFT_FIB_RESULT_OIF = 1
const NFT_FIB_RESULT_ADDRTYPE = 3
const NFTA_FIB_F_SADDR = 1
const NFTA_FIB_F_DADDR = 2
const NFTA_FIB_F_IIF = 8

const metaKeys = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const
const ctKeys = { state: 0, status: 2 } as const
const payloadBases = { network: 1, transport: 2 } as const
const comparisons = { equal: 0, unequal: 1 } as const
const verdictCodes = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const

/** An encoded expression. */
export type Expression = Uint8Array

/** Registers are words of four bytes, 0 to 15; what is longer takes those that follow too. */
export type Register = number

/** What becomes of a packet. */
export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }

/** Loads what is known about a packet: interface names are 16 bytes, protocols one. */
export function loadMeta(key: keyof typeof metaKeys, into: Register): Expression {
  return expression('meta', attribute(1, registerNumber(into)), attribute(2, be32(metaKeys[key])))
}

/** Gives the packet the mark in a register. */
export function setMark(from: Register): Expression {
  return expression('meta', attribute(2, be32(metaKeys.mark)), attribute(3, registerNumber(from)))
}

/** Loads bytes of the packet. */
export function loadPayload(
  base: keyof typeof payloadBases,
  offset: number,
  length: number,
  into: Register,
): Expression {
  return expression(
    'payload',
    attribute(1, registerNumber(into)),
    attribute(2, be32(payloadBases[base])),
    attribute(3, be32(offset)),
    attribute(4, be32(length)),
  )
}

/** Loads these bytes. */
export function loadBytes(bytes: Uint8Array, into: Register): Expression {
  return expression('immediate', attribute(1, registerNumber(into)), nested(2, value(bytes)))
}

/** Writes bytes into the packet, and what that changes into its checksum, which is at another offset of the same base. */
export function storePayload(
  base: keyof typeof payloadBases,
  offset: number,
  length: number,
  from: Register,
  checksumOffset: number,
): Expression {
  return expression(
    'payload',
    attribute(2, be32(payloadBases[base])),
    attribute(3, be32(offset)),
    attribute(4, be32(length)),
    attribute(5, registerNumber(from)),
    attribute(6, be32(NFT_PAYLOAD_CSUM_INET)),
    attribute(7, be32(checksumOffset)),
  )
}

/** Loads four bytes of flags, in the host's order, of the packet's connection. */
export function loadConnection(key: keyof typeof ctKeys, into: Register): Expression {
  return expression('ct', attribute(1, registerNumber(into)), attribute(2, be32(ctKeys[key])))
}

/** Loads what kind of address the destination is (RTN_LOCAL is 2), in the host's order. */
export function loadDestinationType(into: Register): Expression {
  return loadRoute(into, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR)
}

/** Loads the index of the interface that leads to the packet's source, if it is the one the packet came in by; else 0. */
export function loadWayBack(into: Register): Expression {
  return loadRoute(into, NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF)
}

function loadRoute(into: Register, result: number, flags: number): Expression {
  return expression('fib', attribute(1, registerNumber(into)), attribute(2, be32(result)), attribute(3, be32(flags)))
}

/** Keeps the bits of `mask`. */
export function maskBits(register: Register, mask: Uint8Array): Expression {
  return expression(
    'bitwise',
    attribute(1, registerNumber(register)),
    attribute(2, registerNumber(register)),
    attribute(3, be32(mask.length)),
    nested(4, value(mask)),
    nested(5, value(Buffer.alloc(mask.length))),
  )
}

/** Goes on when the register has, or has not, this value. */
export function compare(register: Register, how: keyof typeof comparisons, operand: Uint8Array): Expression {
  return expression(
    'cmp',
    attribute(1, registerNumber(register)),
    attribute(2, be32(comparisons[how])),
    nested(3, value(operand)),
  )
}

/** Goes on when the registers' value is in the set; of a map, what it is mapped to is loaded. */
export function lookup(set: string, key: Register, into?: Register): Expression {
  return expression(
    'lookup',
    attribute(1, text(set)),
    attribute(2, registerNumber(key)),
    ...(into === undefined ? [] : [attribute(3, registerNumber(into))]),
  )
}

/** Goes on when the register's value is not in the set. */
export function lookupAbsent(set: string, key: Register): Expression {
  const inverted = attribute(5, be32(NFT_LOOKUP_F_INV))
  return expression('lookup', attribute(1, text(set)), attribute(2, registerNumber(key)), inverted)
}

/** Goes on, or ends, as the map of verdicts has it; goes on when it has nothing. */
export function lookupVerdict(map: string, key: Register): Expression {
  return expression(
    'lookup',
    attribute(1, text(map)),
    attribute(2, registerNumber(key)),
    attribute(3, be32(NFT_REG_VERDICT)),
  )
}

/** Ends the rule. */
export function decide(verdict: Verdict): Expression {
  return expression('immediate', attribute(1, be32(NFT_REG_VERDICT)), nested(2, verdictData(verdict)))
}

/** Sends the connection to the address and port in the registers. */
export function translateDestination(family: keyof typeof NFPROTO, address: Register, port: Register): Expression {
  return expression(
    'nat',
    attribute(1, be32(NFT_NAT_DNAT)),
    attribute(2, be32(NFPROTO[family])),
    attribute(3, registerNumber(address)),
    attribute(5, registerNumber(port)),
  )
}

/** Gives the connection the address of the interface it leaves by. */
export function masquerade(): Expression {
  return expression('masq')
}

/** The payload of a verdict where data is wanted: of an expression, or of an element of a map. */
export function verdictData(verdict: Verdict): Uint8Array {
  return nested(
    NFTA_DATA_VERDICT,
    attribute(NFTA_VERDICT_CODE, be32(verdictCodes[verdict.kind])),
    ...('chain' in verdict ? [attribute(NFTA_VERDICT_CHAIN, text(verdict.chain))] : []),
  )
}

/** The payload of bytes where data is wanted. */
export function value(bytes: Uint8Array): Uint8Array {
  return attribute(NFTA_DATA_VALUE, bytes)
}

function expression(name: string, ...parts: readonly Uint8Array[]): Expression {
  return nested(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, text(name)), nested(NFTA_EXPR_DATA, ...parts))
}

function registerNumber(register: Register): Uint8Array {
  return be32(NFT_REG32_00 + register)
}
