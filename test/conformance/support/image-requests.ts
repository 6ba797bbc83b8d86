import { request as httpRequest } from 'node:http'
import { tar } from '../../support/archives.js'

/** A request about images; `REGISTRY` is the host of a registry, `DIGEST` that of the image that was pushed to it. */
export interface ImageRequest {
  readonly ask: string
  /** A tar of a root filesystem, what `GET` of `archive` has answered, or no tar at all. */
  readonly body?: 'rootfs' | 'archive' | 'junk'
  /** Its answer is what `archive` stands for. */
  readonly isArchive?: boolean
  /** Why inboard answers otherwise, where it does. */
  readonly differs?: string
}

/** What was answered: a document, or the documents of progress without counts of bytes. */
export interface ImageAnswer {
  readonly status: number
  readonly answer: unknown
}

const auth = { 'X-Registry-Auth': Buffer.from('{}').toString('base64') }
const digest = `sha256:${'ab'.repeat(32)}`
const filters = (document: object) => `filters=${encodeURIComponent(JSON.stringify(document))}`

const refusal = 'to Docker 20.10 names that are none are an error of its own (500); later versions say 400, as inboard'
const asLater = 'later versions of Docker have the words of inboard'
const archives = 'the words for an archive that is none are those of inboard'

/** In the order in which they are asked: each stands on those before. */
export const imageRequests: readonly ImageRequest[] = [
  {
    ask: 'POST /images/create?fromSrc=-&repo=facts&tag=1&message=hello&changes=CMD+x&changes=ENV+A%3Db',
    body: 'rootfs',
  },
  { ask: 'POST /images/create?fromSrc=-&repo=facts&changes=RUN+x', body: 'rootfs' },
  { ask: 'POST /images/create?fromSrc=-&repo=Facts', body: 'rootfs', differs: asLater },
  { ask: 'POST /images/create?fromSrc=-&repo=facts', body: 'junk', differs: archives },
  { ask: `GET /images/json?${filters({ reference: ['facts'] })}` },
  { ask: `GET /images/json?${filters({ reference: { 'facts:*': true } })}` },
  { ask: 'GET /images/facts:1/json' },
  { ask: 'GET /images/facts:1/history' },
  { ask: 'GET /images/facts/json', differs: asLater },
  { ask: 'GET /images/facts/history' },
  { ask: 'DELETE /images/facts' },
  { ask: 'POST /images/facts/tag?repo=x' },
  { ask: 'POST /images/facts:1/tag?repo=facts&tag=2' },
  { ask: 'POST /images/facts:1/tag?repo=facts:3' },
  { ask: 'POST /images/facts:1/tag?repo=Facts', differs: refusal },
  { ask: 'POST /images/facts:1/tag?repo=facts&tag=a/b', differs: refusal },
  { ask: `POST /images/facts:1/tag?repo=facts@${digest}` },
  { ask: `GET /images/json?${filters({ nope: ['x'] })}` },
  { ask: `GET /images/json?${filters({ dangling: ['x'] })}`, differs: asLater },
  { ask: `GET /images/json?${filters({ before: ['nope'] })}` },
  { ask: `POST /images/prune?${filters({ nope: ['x'] })}` },
  { ask: `POST /images/prune?${filters({ label: ['nobody has it'] })}` },
  { ask: 'GET /images/facts:2/get', isArchive: true },
  { ask: 'GET /images/nope/get', differs: 'inboard names the tag that it has looked for' },
  { ask: 'DELETE /images/facts:3' },
  { ask: 'DELETE /images/facts:1' },
  { ask: 'DELETE /images/facts:2' },
  { ask: 'POST /images/load', body: 'archive' },
  { ask: 'POST /images/load?quiet=1', body: 'archive' },
  { ask: 'POST /images/create?fromSrc=-&repo=facts&tag=2&message=another', body: 'rootfs' },
  { ask: 'POST /images/load', body: 'archive' },
  { ask: 'POST /images/load', body: 'junk', differs: archives },
  { ask: 'POST /images/facts:2/tag?repo=REGISTRY/me/facts&tag=1' },
  { ask: 'POST /images/REGISTRY/me/facts/push?tag=1' },
  { ask: 'POST /images/REGISTRY/me/facts/push?tag=1' },
  { ask: 'POST /images/REGISTRY/me/facts/push?tag=nope' },
  { ask: 'POST /images/REGISTRY/me/nope/push?tag=1' },
  { ask: 'POST /images/REGISTRY/me/nope/push' },
  { ask: 'GET /distribution/REGISTRY/me/facts:1/json' },
  { ask: 'GET /distribution/REGISTRY/me/facts:nope/json', differs: 'inboard says what was not found' },
  { ask: 'DELETE /images/REGISTRY/me/facts:1' },
  { ask: 'DELETE /images/facts:2' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts&tag=1' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts&tag=1' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts:1' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts&tag=DIGEST' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/facts&tag=nope' },
  { ask: 'POST /images/create?fromImage=REGISTRY/me/nope&tag=1' },
  { ask: 'POST /images/create?fromImage=Facts&tag=1', differs: asLater },
  { ask: 'POST /images/create?fromImage=scratch&tag=1', differs: 'Docker says 403' },
  { ask: `GET /images/json?digests=1&${filters({ reference: ['REGISTRY/me/facts'] })}` },
  { ask: 'GET /images/REGISTRY/me/facts@DIGEST/history' },
  { ask: 'GET /images/search?term=x&limit=101' },
  { ask: `GET /images/search?term=x&${filters({ a: ['b'] })}` },
  { ask: `GET /images/search?term=x&${filters({ stars: ['b'] })}` },
  { ask: 'DELETE /images/REGISTRY/me/facts:1' },
]

/** What is imported. */
export const rootfs = () => tar({ 'etc/hostname': 'facts\n' })

/** Asks all of them; what is another one each time is masked. */
export async function askForImages(socketPath: string, registry: string, files: Buffer): Promise<ImageAnswer[]> {
  const bodies: Record<string, Buffer> = { rootfs: files, junk: Buffer.from('this is no tar at all') }
  const answers: ImageAnswer[] = []
  let pushed = digest
  for (const { ask, body, isArchive = false } of imageRequests) {
    const [method = '', path = ''] = ask.replaceAll('REGISTRY', registry).replaceAll('DIGEST', pushed).split(' ')
    const { status, bytes } = await send(socketPath, method, path, body && bodies[body])
    if (isArchive) bodies.archive = bytes
    const text = isArchive ? '' : bytes.toString()
    pushed = /"Digest":"(sha256:[a-f0-9]{64})"/.exec(text)?.[1] ?? pushed
    answers.push({ status, answer: JSON.parse(masked(JSON.stringify(documentsOf(text)), registry)) })
  }
  return answers
}

function send(socketPath: string, method: string, path: string, body: Buffer | undefined) {
  return new Promise<{ status: number; bytes: Buffer }>((resolve, reject) => {
    const headers = { ...auth, ...(body && { 'Content-Type': 'application/x-tar' }) }
    const outgoing = httpRequest({ socketPath, method, path: `/v1.41${path}`, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Counts of bytes come as often as time allows; where files are, and who has made them, is everyone's own. */
function documentsOf(text: string): unknown {
  const own = (key: string, value: unknown) => (key === 'GraphDriver' || key === 'DockerVersion' ? '*' : value)
  const documents = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line, own)]))
  return documents.filter(({ status }) => !/^(Downloading|Extracting|Pushing|Compressing)$/.test(status))
}

/** The bytes of compressed layers, and so what is made of them, are everyone's own. */
const masked = (text: string, registry: string) =>
  text
    .replaceAll(registry, 'REGISTRY')
    .replace(/sha256:[a-f0-9]{64}/g, 'sha256:*')
    .replace(/"id":"[a-f0-9]{12}"/g, '"id":"*"')
    .replace(/"(Created|LastTagTime)":("[^"]*"|\d+)/g, '"$1":"*"')
    .replace(/"(Size|VirtualSize|size)":\d+/g, '"$1":"*"')
    .replace(/size: \d+/g, 'size: *')
