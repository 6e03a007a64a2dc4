// A CDS client in a page: order-sign, the cards, feedback, then the order itself.
"use strict";
const SERVICE = "/cds-services/duplicate-examination-sign";
const $ = (id) => document.getElementById(id);
const form = $("order");

// An element of text; records never become markup.
function made(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

async function post(path, body, type) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": type || "application/json" }, body: JSON.stringify(body),
  });
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(told.issue ? told.issue[0].diagnostics : answer.statusText);
  return told;
}

function draft(id) {
  const order = {
    resourceType: "ServiceRequest", id, status: "draft", intent: "order",
    subject: { reference: "Patient/" + $("patient").dataset.id }, code: { text: $("name").value.trim() },
  };
  if ($("reason").value.trim()) order.reasonCode = [{ text: $("reason").value.trim() }];
  return order;
}

function say(text, className) {
  $("outcome").textContent = text;
  $("outcome").className = className || "";
}

function feedback(card, item) {
  return post(SERVICE + "/feedback", {
    feedback: [{ card: card.uuid, outcomeTimestamp: new Date().toISOString(), ...item }],
  });
}

async function place(order, reason) {
  const { id, ...rest } = order;
  if (reason) rest.reasonCode = [...(rest.reasonCode || []), { coding: [reason], text: reason.display }];
  const stored = await post("/fhir/ServiceRequest", { ...rest, status: "active" }, "application/fhir+json");
  $("cards").replaceChildren();
  say("医嘱已提交 Ordered: ServiceRequest/" + stored.id, "completed");
}

// Markdown of a card, as far as a card uses it: emphasis, list marks and escapes become plain text.
function plain(detail) {
  return detail.replace(/\*\*/g, "").replace(/^(\s*)- /gm, "$1• ").replace(/\\([\\`*_{}[\]<>()#+!|~])/g, "$1");
}

function show(card, order) {
  const box = made("article", "", "card " + card.indicator);
  box.append(made("h2", card.summary), made("p", plain(card.detail || ""), "conclusion"));
  for (const link of card.links || []) {
    const anchor = made("a", link.label);
    anchor.href = link.url;
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer";
    box.append(anchor, " ");
  }
  for (const suggestion of card.suggestions || []) {
    const button = made("button", suggestion.label);
    button.className = "accept";
    button.onclick = () => act(async () => {
      await feedback(card, { outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
      const action = suggestion.actions[0];
      if (action.type === "update") return place(action.resource);
      $("cards").replaceChildren();
      say("已撤销，采用已有结果 Withdrawn: the prior result is used", "completed");
    });
    box.append(button, " ");
  }
  const reasons = made("select", "");
  reasons.append(new Option("选择理由 Reason …", ""));
  (card.overrideReasons || []).forEach((reason, at) => reasons.append(new Option(reason.display, at)));
  const override = made("button", "仍要开单 Order anyway");
  override.className = "override";
  override.onclick = () => act(async () => {
    if (reasons.value === "") return say("请先选择理由 Choose a reason first", "dead");
    const { system, code, display } = card.overrideReasons[reasons.value];
    await feedback(card, { outcome: "overridden", overrideReason: { reason: { system, code } } });
    await place(order, { system, code, display });
  });
  if (card.overrideReasons) box.append(reasons, " ", override);
  else {
    const without = made("button", "未核对，仍要开单 Order unchecked");
    without.onclick = () => act(() => place(order));
    box.append(without);
  }
  $("cards").append(box);
}

async function act(run) {
  try {
    await run();
  } catch (error) {
    say("未完成 Failed: " + error.message, "dead");
  }
}

async function sign() {
  say("正在核对 Checking …");
  $("cards").replaceChildren();
  const order = draft(crypto.randomUUID ? crypto.randomUUID() : "draft-" + Date.now());
  const told = await post(SERVICE, {
    hook: "order-sign", hookInstance: order.id,
    context: {
      userId: "", patientId: $("patient").dataset.id,
      draftOrders: { resourceType: "Bundle", type: "collection", entry: [{ resource: order }] },
    },
  });
  told.cards.forEach((card) => show(card, order));
  if (told.cards.length) return say("请查看提示后决定 Read the card, then decide");
  const verdict = told.extension["hub.verdicts"][0].verdict;
  await place(order);
  if (verdict === "not-understood") say($("outcome").textContent + "（项目名称未识别，未核对 name not understood, not checked）", "dead");
}

if (form) form.addEventListener("submit", (event) => {
  event.preventDefault();
  act(sign);
});
