// Drives the console's page in a browser: node test.mjs URL
// URL is the link that `cordon up` or the demo prints. CHROMIUM names the browser, /usr/bin/chromium if not set.
// What depends on what is shown (hostile names, an empty list) is skipped where it is not shown, and counted.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const url = process.argv[2];
if (!url) {
  console.error("expected the link that cordon up prints, got nothing");
  process.exit(2);
}
const origin = new URL(url).origin;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

let passed = 0;
let failed = 0;
let skipped = 0;
class Skip extends Error {}
const skip = (why) => { throw new Skip(why); };
function holds(truth, words) {
  if (!truth) throw new Error(words);
}
async function test(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok       ${name}`);
  } catch (error) {
    if (error instanceof Skip) {
      skipped += 1;
      console.log(`skipped  ${name}: ${error.message}`);
      return;
    }
    failed += 1;
    console.log(`FAILED   ${name}: ${error.message}`);
  }
}

const browser = await chromium.launch({ executablePath, args });
const strangers = [];
const complaints = [];
let session;

async function open(options, path = "/") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, storageState: session, ...options });
  const page = await context.newPage();
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(`${origin}/`) && !to.startsWith("data:")) strangers.push(to);
  });
  page.on("console", (message) => {
    // htmx logs the end of the stream that a reload brings with it, as a bare event.
    const told = ["error", "warning"].includes(message.type()) && message.text() !== "[object Event]";
    if (told) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  const answer = await page.goto(path.startsWith("http") ? path : origin + path);
  return { context, page, answer };
}

const { context, page } = await open({}, url);
session = await context.storageState();

await test("the link lets in once, and its token is gone from the address", async () => {
  holds(page.url() === `${origin}/`, `the address is ${page.url()}`);
  const stranger = await open({ storageState: undefined }, url);
  holds(stranger.answer.status() === 403, `the link opened twice: ${stranger.answer.status()}`);
  complaints.length = 0; // the browser reports the 403 that was asked for
  await stranger.context.close();
});

await test("the verdict is one heading, with what it rests on and its age", async () => {
  const words = await page.locator("h1").allTextContents();
  holds(words.length === 1 && words[0].trim().length > 5, `headings: ${JSON.stringify(words)}`);
  await page.waitForSelector(".asof time", { timeout: 20_000 });
  holds(/ of |no /.test(await page.locator(".basis").innerText()), "no denominator");
  const tone = await page.locator("#state").getAttribute("class");
  holds(/t-(proven|working|silent|sick|blind)/.test(tone), `tone is ${tone}`);
});

await test("every lamp has a shape, a word and the age of its proof", async () => {
  const lamps = await page.locator("#controls details > summary").all();
  if (lamps.length === 0) skip("no control is shown");
  for (const lamp of lamps) {
    const word = (await lamp.locator(".state .word").innerText()).trim();
    holds(["proven", "working", "silent", "sick", "cannot see", "not set up", "learning"].includes(word), `state is ${word}`);
    holds((await lamp.locator(".state use").getAttribute("href")).startsWith("#g-"), `${word} has no shape`);
    const age = (await lamp.locator(".age").textContent()).trim();
    holds(/ago|now|never proven|nothing to prove/.test(age), `age is ${age}`);
    holds(word !== "proven" || /ago|now/.test(age), "proven, but without the age of the proof");
  }
});

await test("each shape is used for one word", async () => {
  const pairs = await page.$$eval("#controls summary .state", (all) =>
    all.map((state) => [state.querySelector("use").getAttribute("href"), state.querySelector(".word").textContent]));
  const shapes = new Map();
  for (const [shape, word] of pairs) {
    holds((shapes.get(shape) ?? word) === word, `${shape} is ${shapes.get(shape)} and ${word}`);
    shapes.set(shape, word);
  }
});

await test("j, k and Enter walk the rows and open them", async () => {
  const rows = await page.locator("details[data-row] > summary").count();
  if (rows < 2) skip("fewer than two rows");
  const here = () => page.evaluate(() => document.activeElement.closest("details")?.id);
  await page.locator("body").press("j");
  const first = await here();
  holds(first, "j reached no row");
  await page.keyboard.press("j");
  const second = await here();
  holds(second && second !== first, "j did not move on");
  await page.keyboard.press("k");
  holds((await here()) === first, "k did not go back");
  await page.keyboard.press("Enter");
  holds(await page.evaluate((id) => document.getElementById(id).open, first), "Enter did not open the row");
  await page.keyboard.press("Enter");
  holds(!(await page.evaluate((id) => document.getElementById(id).open, first)), "Enter did not close the row");
});

await test("a finding opens by keyboard and says what to do", async () => {
  const finding = page.locator("#findings details").first();
  if ((await finding.count()) === 0) skip("nothing was found");
  await finding.locator("summary").focus();
  await page.keyboard.press("Enter");
  holds((await finding.locator(".more p").first().innerText()).trim().length > 5, "no advice");
});

await test("the page changes without a reload, and what was opened stays open", async () => {
  await page.evaluate(() => { globalThis.marker = "same document"; });
  const before = await page.locator("#state").getAttribute("data-now");
  const opened = await page.$$eval("details[open]", (all) => all.map((row) => row.id));
  const focused = await page.evaluate(() => document.activeElement.closest("details")?.id);
  await page.waitForFunction((then) => document.getElementById("state").dataset.now !== then, before, { timeout: 90_000 });
  holds((await page.evaluate(() => globalThis.marker)) === "same document", "it was reloaded");
  const now = await page.$$eval("details[open]", (all) => all.map((row) => row.id));
  for (const id of opened) {
    if (await page.locator(`[id="${id}"]`).count()) holds(now.includes(id), `${id} was closed`);
  }
  holds((await page.evaluate(() => document.activeElement.closest("details")?.id)) === focused, "the focus was lost");
});

await test("/ filters, says of how many, and Escape shows all again", async () => {
  const rows = await page.locator("[data-row]").count();
  if (rows === 0) skip("no row to filter");
  await page.keyboard.press("/");
  await page.keyboard.type("no row says this");
  holds((await page.locator("#found").innerText()) === `0 of ${rows} rows`, await page.locator("#found").innerText());
  await page.keyboard.press("Escape");
  holds((await page.locator("li[hidden]").count()) === 0, "rows stayed hidden");
});

await test("? shows the keys, Escape closes them", async () => {
  await page.locator("body").press("?");
  holds(await page.locator("#keys").isVisible(), "no help");
  await page.keyboard.press("Escape");
  holds(!(await page.locator("#keys").isVisible()), "the help stayed");
});

await test("ages tick", async () => {
  const read = () => page.locator(".asof time, #hub time").allInnerTexts();
  const before = JSON.stringify(await read());
  await page.waitForFunction((then) =>
    JSON.stringify([...document.querySelectorAll(".asof time, #hub time")].map((time) => time.innerText)) !== then,
  before, { timeout: 90_000 });
});

await test("every age has its exact moment beside it", async () => {
  const bare = await page.$$eval("#state time", (all) => all.filter((time) => !time.dateTime || !time.title.includes("UTC")).length);
  holds(bare === 0, `${bare} without`);
});

await test("t turns the theme, and it is kept", async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const seen = {};
  for (let turn = 0; turn < 3; turn += 1) {
    await page.locator("body").press("t");
    seen[await page.locator("#theme-word").innerText()] = await ground();
  }
  holds(seen.light && seen.dark && seen.light !== seen.dark, JSON.stringify(seen));
  while ((await page.locator("#theme-word").innerText()) !== "dark") await page.locator("body").press("t");
  await page.reload();
  holds((await ground()) === seen.dark, "it was forgotten");
  await page.evaluate(() => localStorage.clear());
});

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    await test(`axe finds nothing serious, nothing is wider than the page: ${colorScheme}, ${width}`, async () => {
      const one = await open({ colorScheme, viewport: { width, height } });
      await one.page.$$eval("details[data-row]", (all) => { for (const row of all) row.open = true; });
      const wide = await one.page.evaluate(() => document.documentElement.scrollWidth);
      holds(wide <= width, `the page is ${wide} pixels wide`);
      // Through the debugger, because the page's own policy lets no other script in.
      const found = await one.page.evaluate(`(() => { ${axe}; return axe.run({ resultTypes: ["violations"] }); })()`);
      const bad = found.violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
      holds(bad.length === 0, bad.map((violation) => `${violation.id}: ${violation.nodes[0].html} ${violation.nodes[0].failureSummary}`).join("; "));
      holds(found.violations.length === 0, `minor: ${found.violations.map((violation) => violation.id).join(", ")}`);
      await one.context.close();
    });
  }
}

await test("on a phone the order is verdict, do next, controls, sources, findings, last day, hub", async () => {
  const one = await open({ viewport: { width: 390, height: 844 } });
  const tops = await one.page.$$eval("main section", (all) => all.map((part) => [part.id, part.getBoundingClientRect().top]));
  const order = tops.sort((a, b) => a[1] - b[1]).map(([id]) => id).join(" ");
  holds(order === "verdict next controls sources findings timeline hub", order);
  await one.context.close();
});

await test("without scripts it is readable, opens and reloads itself", async () => {
  const one = await open({ javaScriptEnabled: false });
  holds(await one.page.locator("h1").isVisible(), "no verdict");
  holds((await one.page.locator("noscript meta[http-equiv=refresh]").count()) === 1
    || (await one.page.content()).includes("http-equiv=\"refresh\""), "no refresh");
  holds(!(await one.page.locator("#find").isVisible()), "a filter that cannot work is shown");
  const row = one.page.locator("details[data-row]").first();
  if (await row.count()) {
    await row.locator("summary").click();
    holds((await row.getAttribute("open")) !== null, "a row did not open");
  }
  await one.context.close();
});

await test("what an attacker named is text", async () => {
  const odd = await page.evaluate(() => ({
    title: document.title,
    images: document.querySelectorAll("main img").length,
    scripts: document.querySelectorAll("main script").length,
    handlers: [...document.querySelectorAll("main *")].filter((node) => node.getAttributeNames().some((name) => name.startsWith("on"))).length,
    unseen: /[\u0000-\u0008\u000b\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
  }));
  holds(odd.title !== "owned" && !odd.images && !odd.scripts && !odd.handlers && !odd.unseen, JSON.stringify(odd));
});

await test("when the hub is lost the page turns amber and says from when it is", async () => {
  const one = await open({});
  // In one go, because the next sign of life makes it well again.
  const seen = await one.page.evaluate(() => {
    const colour = (node) => getComputedStyle(node).color;
    const proven = () => [...document.querySelectorAll(".row.t-proven .glyph")].map(colour);
    const before = proven();
    htmx.trigger(document.getElementById("live"), "htmx:sseError");
    const verdict = document.querySelector(".verdict > .glyph");
    const banner = document.getElementById("lost");
    return {
      before, after: proven(), amber: colour(verdict), shape: verdict.firstElementChild.getAttribute("href"),
      shown: !banner.hidden, words: banner.innerText,
    };
  });
  holds(seen.shown && /Connection lost/.test(seen.words), `the banner: ${seen.words}`);
  holds(seen.shape === "#g-blind", `the verdict's shape is ${seen.shape}`);
  holds(seen.before.every((colour) => colour !== seen.amber), "it was amber before");
  holds(seen.after.every((colour) => colour === seen.amber), `green stayed: ${seen.after}`);
  await one.page.waitForFunction(() => document.getElementById("lost").hidden, null, { timeout: 90_000 });
  await one.context.close();
});

await test("no request leaves the origin, and the browser complains of nothing", async () => {
  holds(strangers.length === 0, `asked: ${strangers.join(", ")}`);
  holds(complaints.length === 0, complaints.join("; "));
});

await browser.close();
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
