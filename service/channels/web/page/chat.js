// The chat page: shows what is said as plain text, sends a message until it is answered, and repeats it under the
// same id after a lost connection, so that nothing is asked twice. Text becomes nodes, never markup.
(() => {
  "use strict";
  const log = document.getElementById("log");
  const form = document.getElementById("form");
  const text = document.getElementById("text");
  const LONGEST_TEXT = 2000;
  const MOST_TRIES = 6;
  const LONGEST_TRY = 40000; // ms; the service says `pending` after 25 s, so by then the connection is dead
  const ADDRESS = /https?:\/\/\w[\w.~:/?#[\]@!$&'()*+,;=%-]*/gi;
  const AFTER_ADDRESS = /[.,;:!?'")\]]+$/;

  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  function made(tag, className, ...inside) {
    const node = document.createElement(tag);
    node.className = className;
    node.append(...inside);
    return node;
  }

  function button(words, onClick) {
    const node = made("button", "", words);
    node.type = "button";
    node.addEventListener("click", onClick);
    return node;
  }

  function withLinks(words) {
    const parts = [];
    let end = 0;
    for (const found of words.matchAll(ADDRESS)) {
      const address = found[0].replace(AFTER_ADDRESS, "");
      const link = made("a", "", address);
      link.href = address;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      parts.push(words.slice(end, found.index), link);
      end = found.index + address.length;
    }
    return [...parts, words.slice(end)];
  }

  // One line of the conversation; `speaker` is for who hears the page instead of seeing it.
  function line(kind, speaker, ...inside) {
    return made("div", `line ${kind}`, made("span", "hidden", speaker), made("div", "bubble", ...inside));
  }

  // A long answer is read from its first line: the log shows as much of what follows `node` as fits.
  function show(node) {
    log.scrollTop = node.offsetTop - 16;
  }

  function say(node) {
    log.append(node);
    show(node);
  }

  const answered = (words) => line("bot", "客服：", ...withLinks(words));

  function waitingLine() {
    const dots = made("div", "dots", made("span", ""), made("span", ""), made("span", ""));
    dots.setAttribute("aria-hidden", "true");
    return line("waiting", "正在回答", dots);
  }

  async function tried(message) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), LONGEST_TRY);
    try {
      const response = await fetch("/api/messages", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(message),
        signal: stop.signal,
      });
      if (response.status === 413 || response.status === 422) return { state: "refused" };
      return response.ok ? await response.json() : { state: "away" };
    } catch {
      return { state: "away" }; // no network, or the service restarts: the same message goes out again
    } finally {
      clearTimeout(timer);
    }
  }

  async function post(message) {
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const said = await tried(message);
      if (said.state === "answered" || said.state === "refused") return said;
      if (said.state === "away" && tries < MOST_TRIES) await pause(800 * tries);
    }
    return { state: "away" };
  }

  async function send(message) {
    const waiting = waitingLine();
    say(waiting);
    const said = await post(message);
    if (said.state === "answered" && !said.text) {
      waiting.remove(); // its answer came along with another message's
      return;
    }
    let shown;
    if (said.state === "answered") {
      shown = answered(said.text);
    } else if (said.state === "refused") {
      shown = line("failed", "没有发出：", "这条没有发出去。写短一些，或分成几条再发。");
    } else {
      const again = button("重新发送", () => {
        shown.remove();
        send(message);
      });
      shown = line("failed", "没有发出：", "还没有收到回答。检查网络后点「重新发送」，不会重复提问。", again);
    }
    waiting.replaceWith(shown);
    show(shown);
  }

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function ask(words) {
    say(line("own", "您：", words));
    send({ id: newId(), text: words });
  }

  function grow() {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`; // its two borders
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = text.value.trim();
    text.focus();
    if (!words) return;
    text.value = "";
    grow();
    ask(words);
  });
  text.addEventListener("input", grow);
  text.addEventListener("keydown", (event) => {
    // 229: Safari has ended the composition by the time of the Enter that picks a Chinese word
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.requestSubmit();
  });

  function welcomed(welcome) {
    document.title = welcome.title;
    document.getElementById("title").textContent = welcome.title;
    log.append(answered(welcome.text));
    if (!welcome.examples.length) return;
    const examples = made("div", "examples", made("p", "", "可以这样问"));
    examples.append(...welcome.examples.map((example) => button(example, () => ask(example))));
    examples.setAttribute("role", "group");
    examples.setAttribute("aria-label", "可以这样问");
    log.append(examples);
  }

  async function begin() {
    try {
      const response = await fetch("/api/welcome");
      if (!response.ok) throw new Error(String(response.status));
      welcomed(await response.json());
    } catch {
      log.append(answered("您好，写下您的问题就可以。"));
    }
    if (matchMedia("(hover: hover)").matches) text.focus(); // where no keyboard would cover the examples
    const address = new URL(location.href);
    const question = (address.searchParams.get("q") || "").trim();
    if (!question) return;
    address.searchParams.delete("q"); // a reload must not ask again
    history.replaceState(null, "", address);
    ask(Array.from(question).slice(0, LONGEST_TEXT).join("")); // whole characters, as the service counts them
  }

  begin();
})();
