import { createHash, createHmac, type Hmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** GitHub sends no more. */
const maxBodyBytes = 25 * 1024 * 1024

/** What the sender proves with that it knows the secret. */
type Proof =
  /** HMAC-SHA256 of the body: GitHub, Gitea, Bitbucket. */
  | { readonly kind: 'signature'; readonly digest: Buffer }
  /** The secret itself: GitLab. */
  | { readonly kind: 'token'; readonly token: string }

/**
 * Answers a call of a git server: 202 when it knows the secret, 401 when it does not. What it says beside that does not count.
 *
 * @param accepted called for each call that knows it
 */
export async function answerWebhook(
  request: IncomingMessage,
  response: ServerResponse,
  secret: string,
  accepted: () => void,
): Promise<void> {
  if (request.method !== 'POST') return answer(request, response, 405, 'method not allowed', { allow: 'POST' })
  const proof = proofOf(request.headers)
  if (proof === undefined) return answer(request, response, 401, 'no signature')
  const hmac = await signatureOf(request, secret)
  if (hmac === 'gone') return
  if (hmac === 'too large') return answer(request, response, 413, 'too large')
  const isKnown = proof.kind === 'token' ? areEqual(proof.token, secret) : isSigned(proof.digest, hmac)
  if (!isKnown) return answer(request, response, 401, 'wrong signature')
  accepted()
  answer(request, response, 202, 'accepted')
}

function proofOf(headers: IncomingMessage['headers']): Proof | undefined {
  const signature =
    headers['x-hub-signature-256'] ?? headers['x-hub-signature'] ?? prefixed(headers['x-gitea-signature'])
  if (typeof signature === 'string') {
    const [, digits] = /^sha256=([0-9a-f]{64})$/i.exec(signature) ?? []
    return digits === undefined ? undefined : { kind: 'signature', digest: Buffer.from(digits, 'hex') }
  }
  const token = headers['x-gitlab-token']
  return typeof token === 'string' ? { kind: 'token', token } : undefined
}

const prefixed = (digits: string | string[] | undefined) =>
  typeof digits === 'string' ? `sha256=${digits}` : undefined

/** Of the body, of which nothing is kept. */
async function signatureOf(request: IncomingMessage, secret: string): Promise<Hmac | 'too large' | 'gone'> {
  const hmac = createHmac('sha256', secret)
  let length = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length
      if (length > maxBodyBytes) return 'too large'
      hmac.update(chunk as Buffer)
    }
  } catch {
    // Who called has left.
    return 'gone'
  }
  return hmac
}

const isSigned = (digest: Buffer, hmac: Hmac) => timingSafeEqual(digest, hmac.digest())

/** In a time that says nothing of either. */
function areEqual(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(a, b)
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  // What was not read of the body would be taken for the next request.
  const close = request.complete ? {} : { connection: 'close' }
  response.writeHead(status, { 'content-type': 'text/plain', ...close, ...headers }).end(`${text}\n`)
}
