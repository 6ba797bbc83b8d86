import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** An authority of the tests' own, and the certificates that it makes. */
export interface Authority extends Certificate {
  /** For 127.0.0.1, of a server and of a client alike. */
  certificate(name: string): Certificate
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes an authority with openssl(1); its files are gone when this has returned. */
export function authority(name: string): Authority {
  const own = inDirectory((openssl, read) => {
    openssl('req', '-x509', ...newKey, '-keyout', 'key', '-out', 'cert', '-subj', `/CN=${name}`, '-days', '2')
    return { cert: read('cert'), key: read('key') }
  })
  return {
    ...own,
    certificate: (subject) =>
      inDirectory((openssl, read, write) => {
        write('ca', own.cert)
        write('ca.key', own.key)
        write('extension', 'subjectAltName = IP:127.0.0.1, DNS:localhost')
        openssl('req', '-new', ...newKey, '-keyout', 'key', '-out', 'request', '-subj', `/CN=${subject}`)
        const signer = ['-CA', 'ca', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extension']
        openssl('x509', '-req', '-in', 'request', '-out', 'cert', ...signer)
        return { cert: read('cert'), key: read('key') }
      }),
  }
}

type Openssl = (...words: string[]) => void

function inDirectory<Result>(
  use: (openssl: Openssl, read: (name: string) => string, write: (name: string, content: string) => void) => Result,
): Result {
  const cwd = mkdtempSync('/tmp/ib-tls-')
  try {
    return use(
      (...words) => void execFileSync('openssl', words, { cwd, stdio: 'ignore' }),
      (name) => readFileSync(join(cwd, name), 'utf8'),
      (name, content) => writeFileSync(join(cwd, name), content),
    )
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
