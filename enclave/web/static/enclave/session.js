// Warns two minutes before an idle session ends and lets the person stay (WCAG 2.1, 2.2.1).
// An extra: without it the session ends just the same and the next page says so.
(() => {
  "use strict";
  const notice = document.getElementById("enc-idle");
  if (!notice) return;
  const idle = Number(notice.dataset.idle) * 1000;
  const warning = 120 * 1000;
  const text = notice.querySelector("p");
  const stay = notice.querySelector("button");
  let since = Date.now();

  const show = (words, offer) => {
    text.textContent = words;
    stay.hidden = !offer;
    notice.hidden = false;
  };

  const look = () => {
    const left = idle - (Date.now() - since);
    if (left <= 0) {
      show("Your session has ended. Copy what you have not sent yet, then log in again.", false);
    } else if (left <= warning && notice.hidden) {
      show("You will be logged out in two minutes unless you stay.", true);
    }
  };

  stay.addEventListener("click", async () => {
    const answer = await fetch("/account", { method: "HEAD", redirect: "manual" });
    if (answer.ok) {
      since = Date.now();
      notice.hidden = true;
    } else {
      since = 0;
      look();
    }
  });
  setInterval(look, 5000);
})();
