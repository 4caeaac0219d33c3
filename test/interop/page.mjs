// Does with a gateway what a page does in a browser: it asks for a ticket over HTTP, reads why it gets none, and connects with one. The fetch and the WebSocket are node's own
// (undici). Node asks nobody for leave, so that Page keeps the rules of CORS as a browser does (Fetch, section 4.10). Whom to speak with comes as one JSON object on standard
// input; each step that went as it should is a line on standard output, and the first one that did not ends the program.
import { readFileSync } from 'node:fs'
import { deepStrictEqual as same, ok, rejects } from 'node:assert'

const given = JSON.parse(readFileSync(0, 'utf8'))
const patience = 10_000
const listed = (header) => (header ?? '').toLowerCase().split(',').map((s) => s.trim())

const within = (promise, what) => {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} in time`)), patience) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

class Page {
  constructor (origin) { this.origin = origin }

  // request is a cross-origin request with a token, which a browser never sends without asking first. What comes back is what the page may see of the answer.
  async request (method, path, token) {
    const origin = this.origin
    const asked = await fetch(given.http + path, {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' }
    })
    if (!asked.ok || asked.headers.get('access-control-allow-origin') !== origin || !listed(asked.headers.get('access-control-allow-headers')).includes('authorization')) {
      throw new TypeError(`the browser gives ${origin} no leave for ${path}`)
    }
    const answer = await fetch(given.http + path, { method, headers: { origin, authorization: `Bearer ${token}` } })
    for (const a of [asked, answer]) {
      ok(!a.headers.has('access-control-allow-credentials'), 'credentials that a browser sends by itself are allowed')
      ok(listed(a.headers.get('vary')).includes('origin'), 'a cache would give the answer to another page')
    }
    if (answer.headers.get('access-control-allow-origin') !== origin) throw new TypeError(`the browser keeps the answer of ${path} from ${origin}`)
    const exposed = listed(answer.headers.get('access-control-expose-headers'))
    return { status: answer.status, body: await answer.json(), header: (name) => exposed.includes(name) ? answer.headers.get(name) : null }
  }

  async mint (token) {
    const { status, body } = await this.request('POST', '/v1/tickets', token)
    same(status, 201)
    return body.ticket
  }

  // connect resolves to a socket and its welcome, or to the little that a page learns of a refused handshake.
  connect (ticket) {
    const ws = new WebSocket(`${given.ws}/v1/ws?ticket=${ticket}`, { headers: { origin: this.origin } })
    return within(new Promise((resolve) => {
      ws.addEventListener('message', ({ data }) => resolve({ ws, welcome: JSON.parse(data) }), { once: true })
      ws.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
      ws.addEventListener('error', () => resolve(nobody)) // to which node 20 says no close
    }), 'end of the handshake')
  }
}

const nobody = { code: 1006, reason: '' }
const [page, other, evil] = [new Page(given.origin), new Page(given.other_origin), new Page('https://evil.example')]

const bye = async ({ ws }) => {
  const closed = new Promise((resolve) => ws.addEventListener('close', ({ code }) => resolve(code)))
  ws.close(1000)
  same(await within(closed, 'close'), 1000)
}

const steps = {
  async 'a ticket' () {
    const c = await page.connect(await page.mint(given.token))
    same([c.welcome.type, c.welcome.tenant, c.welcome.user], ['welcome', given.tenant, given.user])
    const answered = new Promise((resolve) => c.ws.addEventListener('message', ({ data }) => resolve(JSON.parse(data)), { once: true }))
    c.ws.send(JSON.stringify({ type: 'echo', id: 1, channel: 'lab:rtt', data: 'from a page' }))
    same(await within(answered, 'echo'), { type: 'ok', id: 1, channel: 'lab:rtt', data: 'from a page' })
    await bye(c)
  },

  async 'who it is' () {
    const { status, body } = await page.request('GET', '/v1/whoami', given.token)
    same([status, body.tenant, body.user], [200, given.tenant, given.user])
  },

  async 'a refused mint is read' () {
    for (const [token, code, said] of [[given.expired, 'token_expired', 'the token has expired'], [given.forged, 'unauthorized', 'invalid_token']]) {
      const { status, body, header } = await page.request('POST', '/v1/tickets', token)
      same([status, body.status, body.code], [401, 401, code])
      ok(header('www-authenticate').includes(said), 'the page does not see how to go on')
    }
  },

  async 'a refused handshake is not' () {
    same(await page.connect('A'.repeat(43)), nobody)
  },

  async 'a ticket twice' () {
    const ticket = await page.mint(given.token)
    const first = await page.connect(ticket)
    same(await page.connect(ticket), nobody)
    await bye(first)
  },

  async 'a ticket fifty times at once' () {
    const ticket = await page.mint(given.token)
    const all = await Promise.all(Array.from({ length: 50 }, () => page.connect(ticket)))
    const [first, ...more] = all.filter((c) => c.ws)
    same(more, [])
    await bye(first)
  },

  async 'another site' () {
    await rejects(evil.mint(given.token), TypeError)
    same(await evil.connect(await page.mint(given.token)), nobody)
  },

  async 'another tenant\'s page' () {
    const { status, body } = await other.request('POST', '/v1/tickets', given.token)
    same([status, body.code], [403, 'origin_refused'])
    same(await other.connect(await page.mint(given.token)), nobody)
  },

  async 'what no page may use' () {
    await rejects(page.request('POST', '/v1/revocations', given.token), TypeError)
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
process.exit(0)
