// Speaks with a gateway as the ws library of node.js does. Whom to speak with comes as one JSON object on standard input; each step that
// went as it should is a line on standard output, and the first one that did not ends the program.
import { readFileSync } from 'node:fs'
import { deepStrictEqual as same, ok } from 'node:assert'
import WebSocket from 'ws'

const given = JSON.parse(readFileSync(0, 'utf8'))
const ca = given.ca ? readFileSync(given.ca) : undefined
const patience = 10_000
const bearer = (token) => ({ Authorization: `Bearer ${token}` })

const within = (promise, what) => {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in time`)), patience) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// Client keeps what arrives until it is asked for.
class Client {
  constructor (protocols, headers) {
    this.ws = new WebSocket(given.url, protocols, { headers, ca })
    this.inbox = []
    this.waiting = []
    this.ws.on('message', (data, binary) => {
      const message = { data: Buffer.from(data), binary }
      if (this.waiting.length) this.waiting.shift()(message)
      else this.inbox.push(message)
    })
    this.closed = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve)
      this.ws.on('error', reject)
    })
  }

  static async open (protocols, headers) {
    const client = new Client(protocols, headers)
    await within(client.opened, 'handshake')
    return client
  }

  raw () {
    if (this.inbox.length) return Promise.resolve(this.inbox.shift())
    return within(new Promise((resolve) => this.waiting.push(resolve)), 'message')
  }

  async next () {
    const { data, binary } = await this.raw()
    ok(!binary, 'a message of portcullis.v1.json is binary')
    return JSON.parse(data)
  }

  ask (request) {
    this.ws.send(JSON.stringify(request))
    return this.next()
  }

  async bye () {
    this.ws.close(1000)
    same((await within(this.closed, 'close')).code, 1000)
  }
}

// refused returns the status of a handshake that must not succeed, its challenge and the code of its problem.
const refused = (protocols, headers) => within(new Promise((resolve, reject) => {
  const ws = new WebSocket(given.url, protocols, { headers, ca })
  ws.on('open', () => reject(new Error('the handshake was accepted')))
  ws.on('error', reject)
  ws.on('unexpected-response', (_, response) => {
    let body = ''
    response.on('data', (chunk) => { body += chunk })
    response.on('end', () => resolve([response.statusCode, JSON.parse(body).code, 'www-authenticate' in response.headers]))
  })
}), 'refusal')

const steps = {
  async 'a token as bearer header' () {
    const c = await Client.open([], bearer(given.token))
    const { type, tenant, user } = await c.next()
    same({ type, tenant, user }, { type: 'welcome', tenant: given.tenant, user: given.user })
    same(c.ws.protocol, '')
    await c.bye()
  },

  async 'a token as subprotocol' () {
    const c = await Client.open(['portcullis.v1.json', `bearer.${given.token}`])
    same(c.ws.protocol, 'portcullis.v1.json')
    same((await c.next()).user, given.user)
    await c.bye()
  },

  async 'refused handshakes' () {
    same(await refused([], {}), [401, 'unauthorized', true])
    same(await refused([], bearer('not.a.token')), [401, 'unauthorized', true])
    same(await refused([], bearer(given.expired)), [401, 'token_expired', true])
    same(await refused(['portcullis.v1.json', `bearer.${given.token}`], bearer(given.token)), [400, 'bad_handshake', false])
    same(await refused([`bearer.${given.token}`]), [400, 'bad_handshake', false])
    same(await refused(['portcullis.v9'], bearer(given.token)), [400, 'bad_handshake', false])
    same(await refused([], { ...bearer(given.token), Origin: 'https://evil.example' }), [403, 'origin_refused', false])
  },

  async 'echo' () {
    const c = await Client.open([], bearer(given.token))
    await c.next()
    const data = { text: 'Grüße, 世界 \u{1f310}', list: [1, null, true, ''] }
    same(await c.ask({ type: 'echo', id: 1, channel: 'lab:rtt', data }), { type: 'ok', id: 1, channel: 'lab:rtt', data })
    await c.bye()
  },

  async 'publish and subscribe' () {
    const [listener, talker] = [await Client.open([], bearer(given.token)), await Client.open([], bearer(given.other))]
    await listener.next()
    const { connection, user } = await talker.next()
    same(await listener.ask({ type: 'subscribe', id: 1, channel: 'room:1' }), { type: 'ok', id: 1, channel: 'room:1' })
    same(await talker.ask({ type: 'publish', id: 1, channel: 'room:1', data: 'hi' }), { type: 'ok', id: 1, channel: 'room:1' })
    const { type, channel, from, data } = await listener.next()
    same({ type, channel, from, data }, { type: 'message', channel: 'room:1', from: { user, connection }, data: 'hi' })
    same((await talker.ask({ type: 'publish', id: 2, channel: 'ops:1', data: 'hi' })).code, 'forbidden')
    same(await listener.ask({ type: 'unsubscribe', id: 2, channel: 'room:1' }), { type: 'ok', id: 2, channel: 'room:1' })
    await Promise.all([listener.bye(), talker.bye()])
  },

  async 'ping and pong' () {
    const c = await Client.open([], bearer(given.token))
    const answered = new Promise((resolve) => c.ws.on('pong', (payload) => resolve(String(payload))))
    c.ws.ping('are you there')
    same(await within(answered, 'pong'), 'are you there')
    await c.bye()
  },

  async 'the mirror' () {
    const c = await Client.open(['portcullis.echo.v1'], bearer(given.token))
    same(c.ws.protocol, 'portcullis.echo.v1')
    for (const sent of ['', 'Grüße', Buffer.alloc(0), Buffer.from([0, 255, 254]), Buffer.alloc(65536, 7)]) {
      c.ws.send(sent)
      same(await c.raw(), { data: Buffer.from(sent), binary: typeof sent !== 'string' })
    }
    for (const [part, fin] of [['in ', false], ['three ', false], ['parts', true]]) c.ws.send(part, { fin })
    same(await c.raw(), { data: Buffer.from('in three parts'), binary: false })
    await c.bye()
  },

  async 'closes by the gateway' () {
    for (const [code, name, message, binary] of [
      [1003, 'unsupported_data', Buffer.from('{}'), true],
      [1007, 'invalid_utf8', Buffer.from('{"type":"ping\xff"}', 'latin1'), false],
      [1009, 'message_too_big', Buffer.alloc(given.message_size + 1, 32), false]
    ]) {
      const c = await Client.open([], bearer(given.token))
      c.ws.send(message, { binary })
      same(await within(c.closed, 'close'), { code, reason: JSON.stringify({ code: name }) })
    }
  }
}

for (const [name, step] of Object.entries(steps)) {
  try {
    await step()
  } catch (problem) {
    console.log(`not ok ${name}: ${problem.stack}`)
    process.exit(1)
  }
  console.log(`ok ${name}`)
}

// The last line but one asks for the gateway's end; the last one says what was seen of it.
const last = await Client.open([], bearer(given.token))
await last.next()
console.log('waiting')
const { code, reason } = await within(last.closed, 'close')
console.log(`closed ${code} ${reason}`)
