import os

import psycopg2
from flask import Flask

# A link brings the environment of what it leads to along, after the link's name.
password = os.environ.get('DB_PASSWORD') or os.environ['DB_ENV_POSTGRES_PASSWORD']


def database():
    return psycopg2.connect(host='db', user='postgres', password=password)


with database() as connection, connection.cursor() as cursor:
    cursor.execute('create table if not exists visits (number serial)')

app = Flask(__name__)


@app.route('/')
def visit():
    with database() as connection, connection.cursor() as cursor:
        cursor.execute('insert into visits default values returning number')
        [number] = cursor.fetchone()
    return f'Hello! You are visitor {number}.'


app.run(host='0.0.0.0', port=5000)
