// Keeps the site for offline use. The build fills in the list of files and the version of their content.
const CACHE = "w2vkit-/* VERSION */";
const FILES = /* FILES */ [];

self.addEventListener("install", event => {
  event.waitUntil(caches.open(CACHE).then(cache => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", event => {
  const old = names => names.filter(name => name.startsWith("w2vkit-") && name !== CACHE);
  event.waitUntil(caches.keys().then(names => Promise.all(old(names).map(name => caches.delete(name)))).then(() => self.clients.claim()));
});

// The page and its models come from the cache. The documentation comes from the network while there is one.
self.addEventListener("fetch", event => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const docs = url.pathname.startsWith(new URL("docs/", self.registration.scope).pathname);
  event.respondWith(docs ? networkFirst(request) : cacheFirst(request));
});

async function cacheFirst(request) {
  const found = request.cache === "reload" ? null : await caches.match(request, { cacheName: CACHE, ignoreSearch: true });
  if (!found) return kept(request);
  if (!request.headers.has("range")) return found;
  const bytes = await found.arrayBuffer(); // players ask for parts of a sound
  const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.get("range")) ?? [null, "0", ""];
  const last = to ? Math.min(+to, bytes.byteLength - 1) : bytes.byteLength - 1;
  return new Response(bytes.slice(+from, last + 1), {
    status: 206,
    headers: { "Content-Range": `bytes ${from}-${last}/${bytes.byteLength}`, "Content-Type": found.headers.get("Content-Type") ?? "" },
  });
}

async function networkFirst(request) {
  try {
    return await kept(request);
  } catch (error) {
    const found = await caches.match(request, { cacheName: CACHE });
    if (found) return found;
    throw error;
  }
}

async function kept(request) {
  const answer = await fetch(request);
  if (answer.status === 200) {
    const copy = answer.clone();
    caches.open(CACHE).then(cache => cache.put(request, copy)).catch(() => {}); // a full disk only costs the offline use
  }
  return answer;
}
