"""What speaks DNS with the name server in its tests: reads a request in JSON a line, answers by a line. It runs in the name
server's network namespace. As a client it sends bytes as they are; as a server it behaves as its mode says."""
import json
import socket
import struct
import sys
import threading
import time

server = ('127.0.0.11', 53)
kept = []
hearing = threading.Condition()
heard = 0


def udp(asked):
    deadline = time.monotonic() + asked['timeout']
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    for message in asked['send']:
        client.sendto(bytes.fromhex(message), server)
    answers = []
    while len(answers) < asked['expect'] and time.monotonic() < deadline:
        client.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            answers.append(client.recv(65535).hex())
        except TimeoutError:
            break
    client.close()
    return answers


def flood(asked):
    """Sends so many that a silent server has heard each before the next ones, then the rest; what comes back for that."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    for count, message in enumerate(asked['send'][:asked['heard']], 1):
        client.sendto(bytes.fromhex(message), server)
        if count % 32 == 0:
            with hearing:
                hearing.wait_for(lambda: heard >= count, 20)
    for message in asked['send'][asked['heard']:]:
        client.sendto(bytes.fromhex(message), server)
    answers = [client.recv(65535).hex() for _ in asked['send'][asked['heard']:]]
    client.close()
    return answers


def read_frame(client):
    data = b''
    while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
        wanted = 2 if len(data) < 2 else 2 + struct.unpack('>H', data[:2])[0]
        part = client.recv(wanted - len(data))
        if not part:
            return None
        data += part
    return data[2:].hex()


def tcp(asked):
    client = socket.create_connection(server, timeout=asked['timeout'])
    for piece in asked['send']:
        client.sendall(bytes.fromhex(piece))
    if asked['half']:
        client.shutdown(socket.SHUT_WR)
    frames = []
    try:
        while len(frames) < asked['expect']:
            frame = read_frame(client)
            if frame is None:
                break
            frames.append(frame)
    except OSError:
        pass
    client.close()
    return frames


def trickle(asked):
    """Queries one after the other, with pauses; how many were answered."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    answered = 0
    for pause in asked['pauses']:
        time.sleep(pause)
        client.sendto(bytes.fromhex(asked['send']), server)
        client.recv(4096)
        answered += 1
    return answered


def connect(asked):
    for _ in range(asked['count']):
        kept.append(socket.create_connection(server, timeout=20))
    return len(kept)


def closed(_asked):
    """Waits until the name server has closed every connection that is kept."""
    return [client.recv(1).hex() for client in kept]


def address_answer(query, address):
    end = query.index(b'\0', 12) + 5
    return query[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + query[12:end] + b'\xc0\x0c\0\1\0\1\0\0\0\5\0\4' + socket.inet_aton(address)


def failing(listener, query, peer):
    listener.sendto(query[:2] + b'\x81\x82' + query[4:], peer)


def lying(listener, query, peer):
    """Others' answers first: another id, another question, another port."""
    wrong_id = bytes([query[0] ^ 255]) + query[1:]
    listener.sendto(address_answer(wrong_id, '6.6.6.6'), peer)
    listener.sendto(address_answer(query[:13] + b'z' + query[14:], '6.6.6.6'), peer)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.sendto(address_answer(query, '6.6.6.6'), peer)
    stranger.close()
    listener.sendto(address_answer(query, '192.0.2.7'), peer)


def silent(_listener, _query, _peer):
    global heard
    with hearing:
        heard += 1
        hearing.notify_all()


modes = {'silent': silent, 'failing': failing, 'lying': lying}


def answer_forever(listener, mode):
    while True:
        modes[mode](listener, *listener.recvfrom(65535))


def serve(asked):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((asked['address'], 53))
    threading.Thread(target=answer_forever, args=(listener, asked['mode']), daemon=True).start()


verbs = {'udp': udp, 'flood': flood, 'tcp': tcp, 'trickle': trickle, 'connect': connect, 'closed': closed, 'serve': serve}
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps(verbs[request['do']](request)), flush=True)
