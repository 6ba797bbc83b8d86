/** Options of {@link Engine.serve}. At least one of `socket`, `tcp` and `descriptors` is meant; default: the socket alone. */
export interface ServeOptions {
  /**
   * Path of the unix socket, of at most 107 bytes. Default `/run/inboard/docker.sock`; false, or `descriptors`: none. One that
   * nobody listens at any more is replaced, its directory is made where it is missing.
   */
  readonly socket?: string | false
  /**
   * Whose group may use the socket, by name or number: whoever may is root on this machine. Default: `docker` where there is such
   * a group, as Docker's is; else the process's own.
   */
  readonly group?: string | number
  /** Permissions of the socket. Default 0o660. */
  readonly mode?: number
  /** Also over TCP: with TLS that asks clients for certificates; without it on loopback only, and only when `insecure` says so. */
  readonly tcp?: TcpOptions
  /** Unix sockets that listen already, as systemd passes them on: whoever made them says who may connect. */
  readonly descriptors?: readonly number[]
  /** Ends the server as `close()` does. */
  readonly signal?: AbortSignal
}

/** Where and how a server is reached over TCP. */
export interface TcpOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 2376 with TLS, 2375 without; 0: any free one. */
  readonly port?: number
  /** PEM of the server's certificate and key, and of the authority whose clients' certificates are taken. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
  /**
   * Everybody on this machine may be root: plain HTTP, on a loopback address only. What a browser sends for a page is refused.
   * Default false.
   */
  readonly insecure?: boolean
}
