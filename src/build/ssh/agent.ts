/** Whatever answers requests of the agent protocol: keys of the build's own, or an agent of the host. */
export interface Agent {
  /** @param request a message: its type, then its content. @throws what keeps it from answering: the client is told a failure */
  answer(request: Buffer, signal: AbortSignal): Promise<Buffer>
}

/** @see draft-ietf-sshm-ssh-agent, section 6 */
export const messages = {
  failure: 5,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
} as const

/** Of `signRequest`, for RSA. */
export const signFlags = { sha256: 2, sha512: 4 } as const

/** As OpenSSH's: no message is longer. */
export const maxMessageBytes = 256 * 1024

export const failure = Buffer.of(messages.failure)

/** A program may look at keys and sign with them: it may not add, remove or lock any. */
export function isAllowed(request: Buffer): boolean {
  const [type] = request
  return type === messages.requestIdentities || type === messages.signRequest
}
