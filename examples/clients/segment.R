# Send an image to the server, and write what it answers. Needs httr2 and jsonlite.
#
# Rscript segment.R http://127.0.0.1:8080/invocations cells.png mask.png
# Rscript segment.R "http://127.0.0.1:8080/invocations?output=table" cells.png cells.csv

library(httr2)

# file: the path of an image; gives the bytes of the answer.
segment <- function(url, file) {
  answer <- request(url) |>
    # the server looks at the first bytes to tell which kind of file this is
    req_body_file(file, type = "application/octet-stream") |>
    req_retry(max_tries = 5) |> # 503 means "busy, come again"
    req_error(body = function(answer) resp_body_json(answer)$message) |>
    req_timeout(600) |>
    req_perform()
  if (resp_header_exists(answer, "Warning")) message(resp_header(answer, "Warning"))
  resp_body_raw(answer)
}

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 3) stop("usage: Rscript segment.R URL IMAGE ANSWER", call. = FALSE)
tryCatch(
  writeBin(segment(arguments[1], arguments[2]), arguments[3]),
  error = function(error) {
    message(conditionMessage(error))
    quit(status = 1)
  }
)
