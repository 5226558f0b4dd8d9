// The one script of the page. It refreshes what changes, drives the player, and uploads files.
// Everything else works without it.
"use strict";

const csrf = document.querySelector("meta[name=csrf]").content;
for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;

// ---- Parts that change: <div id data-live="/address" data-every="seconds"> is replaced by what the address gives.

async function refresh(part) {
  const every = Number(part.dataset.every) * 1000;
  let next = part;
  try {
    // Nothing is exchanged under somebody's fingers, or while nobody looks.
    if (!document.hidden && !part.contains(document.activeElement)) {
      const answer = await fetch(part.dataset.live, { headers: { "x-part": "1" } });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
        for (const details of part.querySelectorAll("details[id]")) {
          const same = fresh.querySelector("#" + CSS.escape(details.id));
          if (same) same.open = details.open;
        }
        for (const { value } of part.querySelectorAll("input[name=row]:checked")) {
          const same = fresh.querySelector(`input[name=row][value="${CSS.escape(value)}"]`);
          if (same) same.checked = true;
        }
        if (fresh.innerHTML !== part.innerHTML || fresh.dataset.every !== part.dataset.every) {
          const log = part.querySelector(".log");
          const atEnd = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
          part.replaceWith(fresh);
          next = fresh;
          const now = fresh.querySelector(".log");
          if (now && atEnd) now.scrollTop = now.scrollHeight;
          else if (now && log) now.scrollTop = log.scrollTop;
        }
      }
    }
  } catch { /* the server is away: try again later */ }
  if (next.dataset.live) setTimeout(refresh, Number(next.dataset.every) * 1000 || every, next);
}
for (const log of document.querySelectorAll(".log[data-end]")) log.scrollTop = log.scrollHeight;
for (const part of document.querySelectorAll("[data-live]")) {
  const log = part.querySelector(".log");
  if (log) log.scrollTop = log.scrollHeight;
  setTimeout(refresh, Number(part.dataset.every) * 1000, part);
}

// ---- How many rows an order concerns.

const steer = document.getElementById("steer");
if (steer) {
  const text = steer.querySelector("[data-selected]");
  const none = text.textContent;
  document.addEventListener("change", event => {
    if (event.target.name !== "row") return;
    const count = document.querySelectorAll("input[name=row]:checked").length;
    text.textContent = count ? `${count} selected ${count === 1 ? "row" : "rows"}.` : none;
  });
}

// ---- The player: words, segments and chapters follow it, and lead it.

const player = document.getElementById("player");
const words = [...document.querySelectorAll("#script [data-w]")];
const starts = words.map(word => Number(word.dataset.w) / 1000);
const LINGER_S = 0.25; // so long a word stays lit in a pause
const playhead = document.getElementById("playhead");
let spoken = -1;

function follow() {
  let low = 0, high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= player.currentTime) low = middle + 1; else high = middle;
  }
  const heard = low && player.currentTime < Number(words[low - 1].dataset.e) / 1000 + LINGER_S ? low - 1 : -1;
  if (heard !== spoken) {
    words[spoken]?.classList.remove("spoken");
    spoken = heard;
    const word = words[spoken];
    if (word) {
      word.classList.add("spoken");
      const box = word.closest(".script");
      const place = word.offsetTop - box.offsetTop;
      if (!player.paused && (place < box.scrollTop || place > box.scrollTop + box.clientHeight - 40)) {
        box.scrollTop = place - box.clientHeight / 3;
      }
    }
  }
  if (playhead && player.duration) playhead.style.left = `${100 * player.currentTime / player.duration}%`;
  if (!player.paused && !player.ended) requestAnimationFrame(follow);
}

if (player) {
  for (const kind of ["play", "seeked", "timeupdate", "loadedmetadata"]) player.addEventListener(kind, follow);
  document.addEventListener("click", event => {
    const target = event.target.closest("[data-seek], [data-w]");
    if (!target) return;
    player.currentTime = Number(target.dataset.seek ?? target.dataset.w) / 1000 + 0.001;
    if (target.dataset.part) {
      document.getElementById("segment").value = target.dataset.part;
      for (const part of document.querySelectorAll("#strip .picked")) part.classList.remove("picked");
      target.classList.add("picked");
    }
  });
}

// ---- Keys: an element says with data-key which one presses it.

const dialog = document.getElementById("keys");
const on = document.getElementById("keys-on");
if (on) {
  on.checked = localStorage.getItem("keys") !== "off";
  on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
}
document.querySelector("[data-opens=keys]")?.addEventListener("click", () => dialog.showModal());

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
  // A dialog that was closed keeps the focus for a moment.
  const target = dialog?.contains(event.target) ? document.body : event.target;
  if (target.id === "reason" && event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    document.getElementById("reject").click();
    return;
  }
  if (target.id === "reason" && event.key === "Escape") target.blur();
  if (target.matches("input, select, textarea") || (on && !on.checked)) return;
  if (event.key === " " && player && !target.matches("button, a, summary, video")) {
    event.preventDefault();
    if (player.paused) player.play(); else player.pause();
    return;
  }
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("textarea")) wanted.focus(); else wanted.click();
});

// ---- Uploads: each file is the body of a request of its own, under its path below the manifest's folder.

const drop = document.getElementById("drop");
const MANIFEST = /\.(csv|tsv|xlsx|jsonl|ndjson)$/i;

/** The files below what was dropped, as [path, File]. */
async function filesBelow(entry, folder) {
  if (entry.isFile) return [[folder + entry.name, await new Promise((done, failed) => entry.file(done, failed))]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const one of some) found.push(...await filesBelow(one, `${folder}${entry.name}/`));
  }
}

/** Paths from the folder of the manifest that lies highest. */
function fromManifest(files) {
  const seen = files.filter(([path]) => !path.split("/").some(name => name.startsWith(".") || name.startsWith("~$")));
  const depth = path => path.split("/").length;
  const manifests = seen.filter(([path]) => MANIFEST.test(path)).sort(([a], [b]) => depth(a) - depth(b));
  if (!manifests.length) return null;
  const [manifest] = manifests[0];
  const home = manifest.slice(0, manifest.lastIndexOf("/") + 1);
  const below = seen.filter(([path]) => path.startsWith(home)).map(([path, file]) => [path.slice(home.length), file]);
  return { manifest: manifest.slice(home.length), files: below };
}

async function send(address, method, body) {
  const answer = await fetch(address, { method, body, headers: { "x-csrf-token": csrf } });
  const said = await answer.json().catch(() => ({ problem: `the server answers ${answer.status}`, remedy: "" }));
  if (!answer.ok) throw new Error(`${said.problem}. ${said.remedy}`);
  return said;
}

async function upload(files) {
  const state = document.getElementById("upload-state");
  const bar = document.getElementById("upload-bar");
  const found = fromManifest(files);
  if (!found) {
    state.textContent = "No manifest is among these files: give a .csv, .xlsx or .jsonl.";
    return;
  }
  const large = found.files.find(([, file]) => file.size > Number(drop.dataset.maxFile));
  if (large) {
    state.textContent = `${large[0]} is too large to be uploaded. Copy it to the inbox.`;
    return;
  }
  try {
    const total = found.files.reduce((sum, [, file]) => sum + file.size, 0) || 1;
    let sent = 0;
    bar.hidden = false;
    const { upload: name } = await send(`/uploads?name=${encodeURIComponent(found.manifest)}`, "POST");
    for (const [path, file] of found.files) {
      state.textContent = `${path} …`;
      await send(`/uploads/${name}/${path.split("/").map(encodeURIComponent).join("/")}`, "PUT", file);
      bar.value = (sent += file.size) / total;
    }
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/submit/checks";
    for (const [key, value] of Object.entries({ csrf, source: name, manifest: found.manifest })) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: key, value });
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  } catch (error) {
    bar.hidden = true;
    state.textContent = `The upload has stopped: ${error.message}`;
  }
}

if (drop) {
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, event => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", async event => {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
    upload((await Promise.all(entries.map(entry => filesBelow(entry, "")))).flat());
  });
  for (const id of ["pick-files", "pick-folder"]) {
    document.getElementById(id).addEventListener("change", event => {
      upload([...event.target.files].map(file => [file.webkitRelativePath || file.name, file]));
    });
  }
}
