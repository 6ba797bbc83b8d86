import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Answer, readAnswers } from './answers.js'
import { encodeMessages, type Message } from './messages.js'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

/** Reads a request a line, answers by a line. Sends netlink messages, makes namespaces, runs programs in them. */
const driver = `
import ctypes, json, os, socket, struct, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
sockets = {}

def enter(fd):
    if libc.setns(fd, 0x40000000) < 0:
        raise OSError(ctypes.get_errno(), 'setns')

def current():
    return os.open('/proc/thread-self/ns/net', os.O_RDONLY)

home = current()

def make():
    if libc.unshare(0x40000000) < 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    made = current()
    enter(home)
    return made

def open_socket(namespace, protocol):
    enter(namespace)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    enter(home)
    opened.setsockopt(270, 11, 1)
    opened.setsockopt(270, 10, 1)
    opened.settimeout(10)
    opened.bind((0, 0))
    return opened

def messages(data):
    at = 0
    while at < len(data):
        length, kind, flags, sequence = struct.unpack_from('=IHHI', data, at)
        yield kind, flags, sequence
        at += (length + 3) & ~3

def send(namespace, protocol, data):
    key = (namespace, protocol)
    if key not in sockets:
        sockets[key] = open_socket(namespace, protocol)
    waiting = {sequence for kind, flags, sequence in messages(data) if flags & 0x304}
    sockets[key].send(data)
    answers = b''
    while waiting:
        part = sockets[key].recv(1 << 20)
        answers += part + bytes(-len(part) % 4)
        for kind, flags, sequence in messages(part):
            if kind in (2, 3):
                if sequence not in waiting:
                    return answers
                waiting.discard(sequence)
    return answers

def run(namespace, command):
    def inside():
        enter(namespace)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=inside, timeout=20)
    return {'status': done.returncode, 'stdout': done.stdout, 'stderr': done.stderr}

def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET

def tell(listener):
    while True:
        connection, peer = listener.accept()
        connection.sendall(peer[0].encode())
        connection.close()

def listen(namespace, address, port):
    enter(namespace)
    listener = socket.socket(family(address), socket.SOCK_STREAM)
    enter(home)
    listener.bind((address, port))
    listener.listen()
    threading.Thread(target=tell, args=(listener,), daemon=True).start()

def connect(namespace, address, port, seconds):
    enter(namespace)
    client = socket.socket(family(address), socket.SOCK_STREAM)
    enter(home)
    client.settimeout(seconds)
    try:
        client.connect((address, port))
        return client.recv(64).decode()
    except OSError as error:
        return type(error).__name__
    finally:
        client.close()

for line in sys.stdin:
    asked = json.loads(line)
    if asked['do'] == 'make':
        answer = make()
    elif asked['do'] == 'send':
        answer = send(asked['namespace'], asked['protocol'], bytes.fromhex(asked['bytes'])).hex()
    elif asked['do'] == 'listen':
        answer = listen(asked['namespace'], asked['address'], asked['port'])
    elif asked['do'] == 'open':
        answer = os.open(asked['path'], os.O_RDONLY)
    elif asked['do'] == 'connect':
        answer = connect(asked['namespace'], asked['address'], asked['port'], asked['seconds'])
    else:
        answer = run(asked['namespace'], asked['command'])
    print(json.dumps(answer), flush=True)
`

/** What a program that ran in a namespace has left. */
export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Network namespaces of a test's own, none of which is the host's; they die with it. */
export class Namespaces implements AsyncDisposable {
  private sequence = 1
  private readonly lines: AsyncIterator<string>

  private constructor(private readonly child: ChildProcess & { stdout: NodeJS.ReadableStream }) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  static start(): Namespaces {
    const arguments_ = ['--net', 'python3', '-c', driver]
    return new Namespaces(spawn('unshare', arguments_, { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  /** Another namespace, with an interface `lo` that is down. */
  async make(): Promise<number> {
    return (await this.ask({ do: 'make' })) as number
  }

  /** A namespace that is there, by its file. */
  async open(path: string): Promise<number> {
    return (await this.ask({ do: 'open', path })) as number
  }

  /** The file of a namespace. */
  path(namespace: number): string {
    return `/proc/${this.child.pid}/fd/${namespace}`
  }

  /** Sends messages from a namespace. */
  async send(namespace: number, protocol: number, messages: readonly Message[]): Promise<Answer[]> {
    const bytes = Buffer.from(encodeMessages(messages, this.sequence)).toString('hex')
    this.sequence += messages.length
    return readAnswers(Buffer.from((await this.ask({ do: 'send', namespace, protocol, bytes })) as string, 'hex'))
  }

  /** Runs a program in a namespace. */
  async run(namespace: number, ...command: string[]): Promise<Run> {
    return (await this.ask({ do: 'run', namespace, command })) as Run
  }

  /** Serves TCP on an address of a namespace, which must be there: clients are told what address they come from. */
  async listen(namespace: number, address: string, port: number): Promise<void> {
    await this.ask({ do: 'listen', namespace, address, port })
  }

  /**
   * Connects: the address that the server saw, or the name of Python's error: TimeoutError, ConnectionRefusedError.
   *
   * @param seconds after which nobody is there; over IPv6 a new neighbour may not hear the first question, and the next is a second later
   */
  async connect(namespace: number, address: string, port: number, seconds = 0.4): Promise<string> {
    return (await this.ask({ do: 'connect', namespace, address, port, seconds })) as string
  }

  /** What a program that writes JSON has to say about a namespace. */
  async json<Value>(namespace: number, ...command: string[]): Promise<Value> {
    return JSON.parse((await this.run(namespace, ...command)).stdout || '[]') as Value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.stdin?.end()
    await ended
  }

  private async ask(request: object): Promise<unknown> {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error('the driver has ended')
    return JSON.parse(value)
  }
}
